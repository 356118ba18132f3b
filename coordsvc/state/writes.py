"""Writes and checks of nodes: what a command and an operation of a transaction have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.acl import READ
from coordsvc.state.arguments import Guards
from coordsvc.state.commands import (
    CheckData,
    CheckExists,
    CheckMzxid,
    CheckToken,
    CheckVersion,
    Command,
    Create,
    Delete,
    Put,
    Set,
    Step,
)
from coordsvc.state.locks import LockTable
from coordsvc.state.tree import ANY_VERSION, Tree
from coordsvc.state.turn import Outcome, Turn


class Writes:
    """Runs one step against the tree, under the guard of locks."""

    def __init__(self, tree: Tree, locks: LockTable) -> None:
        self._tree = tree
        self._locks = locks
        self.runners: Final[dict[type[Command], Callable[[Turn, Command], Outcome]]] = {
            Create: self._create,
            Put: self._put,
            Set: self._set,
            Delete: self._delete,
            CheckVersion: self._check_version,
            CheckExists: self._check_exists,
            CheckToken: self._check_token,
            CheckData: self._check_data,
            CheckMzxid: self._check_mzxid,
        }

    def run(self, turn: Turn, step: Step) -> Outcome:
        """Do one step. If it fails it has changed nothing."""
        return self.runners[type(step)](turn, step)

    def _has_stale(self, guards: Guards) -> bool:
        return not all(self._locks.is_valid(path, token) for path, token in guards)

    def _create(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, Create)
        if step.guards and self._has_stale(step.guards):
            return codes.STALE_TOKEN, None
        if step.kind == ops.EPHEMERAL and not turn.session:
            return codes.BAD_ARGUMENTS, "an ephemeral node needs a session"
        return self._tree.create(
            turn,
            step.path,
            step.data,
            kind=step.kind,
            sequential=step.sequential,
            parents=step.parents,
            ttl_ms=step.ttl_ms,
            acl=step.acl,
        )

    def _put(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, Put)
        if step.guards and self._has_stale(step.guards):
            return codes.STALE_TOKEN, None
        if step.path in self._tree.nodes:
            code, value = self._tree.set_data(turn, step.path, step.data, ANY_VERSION)
            return (code, (False, value)) if code == codes.OK else (code, value)
        code, value = self._tree.create(turn, step.path, step.data, parents=step.parents)
        if code != codes.OK:
            return code, value
        return codes.OK, (True, turn.events[-1].stat)

    def _set(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, Set)
        if step.guards and self._has_stale(step.guards):
            return codes.STALE_TOKEN, None
        return self._tree.set_data(turn, step.path, step.data, step.version)

    def _delete(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, Delete)
        if step.guards and self._has_stale(step.guards):
            return codes.STALE_TOKEN, None
        return self._tree.delete(
            turn, step.path, step.version, recursive=step.recursive, locked=self._locks.by_path
        )

    def _check_version(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, CheckVersion)
        node = self._tree.nodes.get(step.path)
        if node is None:
            return self._tree.absence_of(step.path)
        if node.acl is not None and not turn.may(node.acl, READ):
            return codes.DENIED, None
        if step.version not in (ANY_VERSION, node.version):
            return codes.BAD_VERSION, None
        return codes.OK, None

    def _check_exists(self, _turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, CheckExists)
        holds = (step.path in self._tree.nodes) == step.exists
        return (codes.OK if holds else codes.CONDITION_FAILED), None

    def _check_token(self, _turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, CheckToken)
        holds = self._locks.is_valid(step.path, step.token)
        return (codes.OK if holds else codes.STALE_TOKEN), None

    def _check_data(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, CheckData)
        node = self._tree.nodes.get(step.path)
        if node is not None and node.acl is not None and not turn.may(node.acl, READ):
            return codes.DENIED, None
        holds = node is not None and node.data == step.data
        return (codes.OK if holds else codes.CONDITION_FAILED), None

    def _check_mzxid(self, turn: Turn, step: Command) -> Outcome:
        assert isinstance(step, CheckMzxid)
        node = self._tree.nodes.get(step.path)
        if node is not None and node.acl is not None and not turn.may(node.acl, READ):
            return codes.DENIED, None
        holds = node is not None and node.mzxid <= step.revision
        return (codes.OK if holds else codes.CONDITION_FAILED), None
