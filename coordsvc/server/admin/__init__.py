"""HTTP for people and tools: health, metrics, the cluster seen and operated from outside."""

from coordsvc.server.admin.site import AdminSite

__all__ = ["AdminSite"]
