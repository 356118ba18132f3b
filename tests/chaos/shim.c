/* A disk that is slow or fails: preloaded into a node, told what to do by the file $CHAOS_DISK.
 *
 * The file holds a number: 0 leaves the disk alone, -1 fails every sync with EIO, more delays
 * each sync by so many milliseconds. The log is synced by kernel AIO, through syscall(2): there
 * a failure is put into the event, and a delay is waited for by a thread, as by a real disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long (*syscall_function)(long, ...);
typedef int (*sync_function)(int);

static int told(void)
{
    char text[16] = {0};
    const char *path = getenv("CHAOS_DISK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    return got > 0 ? atoi(text) : 0;
}

static int synced(const char *name, int descriptor)
{
    int delay = told();
    if (delay < 0) {
        errno = EIO;
        return -1;
    }
    if (delay > 0)
        usleep(delay * 1000);
    return ((sync_function)dlsym(RTLD_NEXT, name))(descriptor);
}

int fsync(int descriptor) { return synced("fsync", descriptor); }
int fdatasync(int descriptor) { return synced("fdatasync", descriptor); }

struct submission {
    long context, count, requests;
    int delay;
};

static void *submit_late(void *argument)
{
    struct submission late = *(struct submission *)argument;
    free(argument);
    usleep(late.delay * 1000);
    ((syscall_function)dlsym(RTLD_NEXT, "syscall"))(
        SYS_io_submit, late.context, late.count, late.requests);
    return NULL;
}

long syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long), b = va_arg(arguments, long), c = va_arg(arguments, long);
    long d = va_arg(arguments, long), e = va_arg(arguments, long), f = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_io_submit && told() > 0) {
        struct submission *late = malloc(sizeof *late);
        pthread_t thread;
        *late = (struct submission){a, b, c, told()};
        if (pthread_create(&thread, NULL, submit_late, late) == 0) {
            pthread_detach(thread);
            return b;
        }
        free(late);
    }
    long result = ((syscall_function)dlsym(RTLD_NEXT, "syscall"))(number, a, b, c, d, e, f);
    if (number == SYS_io_getevents && result == 1 && told() < 0)
        ((struct io_event *)d)->res = -EIO;
    return result;
}
