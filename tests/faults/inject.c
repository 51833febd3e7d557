/*
 * inject: one call of the C library fails, the N-th since it was armed.
 *
 * A preloaded library for the tests: every allocation of the process, whichever library asks for
 * it, and the wrappers of its system calls pass here and are counted while they are armed. One of
 * them fails, once, with an error that the kernel may give for it, or does only a part of what was
 * asked. Whoever runs the test shares a page with us, the file of TURNOUT_FAULTS: `struct control`
 * below, which control.py reads and writes. Not for calls that the C library makes inside itself
 * (stdio's reads and writes). Works below the address sanitizer too, whose own functions are then
 * the next in line. Nothing here allocates. Threads: any.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { ALLOCATION = 1, SYSTEM_CALL = 2, FILE_CALL = 4 }; /* the last: those on files alone */

/* Instead of an error: a part of what was asked. */
#define PARTIAL (-1)

/* Instead of a choice: the process is killed in front of the call, or after a part of it if it
 * writes. */
enum { KILL = 1000, KILL_HALF = 1001 };

#define ERRORS_MAX 8
#define STACK_MAX 24
#define STORY_BYTES 3000
#define EARLY_BYTES 4096

/* One page of numbers, then text; control.py has the same offsets. */
struct control {
    atomic_uint_fast64_t armed;   /* ALLOCATION, SYSTEM_CALL, FILE_CALL, several, or 0 */
    atomic_uint_fast64_t fail_at; /* 1 is the next one; 0: none */
    atomic_uint_fast64_t choice;  /* which of the errors that fit, modulo their number */
    atomic_uint_fast64_t count;   /* calls while armed */
    atomic_uint_fast64_t fired;
    atomic_uint_fast64_t error;   /* what it failed with, as a number; PARTIAL too */
    atomic_uint_fast64_t choices; /* how many errors fit this call */
    atomic_uint_fast64_t live;    /* blocks that were allocated and not freed, always counted */
    char name[64];                /* of the call that failed */
    char story[STORY_BYTES];      /* who called it: one frame a line, innermost first */
    atomic_uint_fast64_t by_name[64];
};

/* The calls, and what the kernel may say to each. A socket, a file and what wakes a loop up
 * (eventfd, pipe) have little in common. */
#define CALLS(_)                                                                                   \
    _(MALLOC, "malloc", ENOMEM)                                                                    \
    _(CALLOC, "calloc", ENOMEM)                                                                    \
    _(REALLOC, "realloc", ENOMEM)                                                                  \
    _(ALIGNED, "posix_memalign", ENOMEM)                                                           \
    _(MMAP, "mmap", ENOMEM)                                                                        \
    _(SOCKET, "socket", EMFILE, ENFILE, ENOBUFS, ENOMEM)                                           \
    _(ACCEPT, "accept4", EMFILE, ECONNABORTED, ENFILE, EINTR, EAGAIN, ENOMEM, ENOBUFS, EPERM)      \
    _(CONNECT, "connect", ECONNREFUSED, EADDRNOTAVAIL, ENETUNREACH, ETIMEDOUT, EINTR, ENOBUFS)     \
    _(BIND, "bind", EADDRINUSE, EACCES, ENOMEM)                                                    \
    _(LISTEN, "listen", EADDRINUSE, ENOBUFS)                                                       \
    _(SETSOCKOPT, "setsockopt", ENOBUFS, ENOMEM)                                                   \
    _(GETSOCKOPT, "getsockopt", ENOBUFS)                                                           \
    _(GETSOCKNAME, "getsockname", ENOBUFS)                                                         \
    _(GETPEERNAME, "getpeername", ENOTCONN, ENOBUFS)                                               \
    _(SHUTDOWN, "shutdown", ENOTCONN, ENOBUFS)                                                     \
    _(READ_SOCKET, "read of a socket", ECONNRESET, PARTIAL, EAGAIN, EINTR, ETIMEDOUT, ENOMEM)      \
    _(READ_FILE, "read of a file", EIO, EINTR, PARTIAL)                                            \
    _(READ_WAKE, "read of a wake-up", EINTR, EAGAIN)                                               \
    _(WRITE_SOCKET, "write to a socket", EPIPE, PARTIAL, EAGAIN, ECONNRESET, EINTR, ENOBUFS,       \
      ENOMEM)                                                                                      \
    _(WRITE_FILE, "write to a file", ENOSPC, PARTIAL, EIO, EINTR, EDQUOT)                          \
    _(WRITE_WAKE, "write of a wake-up", EINTR)                                                     \
    _(PREAD, "pread", EIO, EINTR, PARTIAL)                                                         \
    _(PWRITE, "pwrite", ENOSPC, PARTIAL, EIO, EINTR, EDQUOT)                                       \
    _(OPEN, "open", EMFILE, ENFILE, EACCES, EIO, ENOMEM, EINTR)                                    \
    _(FOPEN, "fopen", EMFILE, ENOMEM)                                                              \
    _(FGETS, "fgets", EIO)                                                                         \
    _(CLOSE, "close", EIO, EINTR)                                                                  \
    _(STAT, "stat", EIO, ENOMEM)                                                                   \
    _(ACCESS, "access", EIO)                                                                       \
    _(FSYNC, "fsync", EIO, ENOSPC, EINTR)                                                          \
    _(FDATASYNC, "fdatasync", EIO, ENOSPC, EINTR)                                                  \
    _(FTRUNCATE, "ftruncate", EIO, EINTR)                                                          \
    _(RENAME, "rename", EIO, ENOSPC, EACCES)                                                       \
    _(UNLINK, "unlink", EIO, EACCES)                                                               \
    _(FLOCK, "flock", ENOLCK, EINTR)                                                               \
    _(EPOLL_CREATE, "epoll_create1", EMFILE, ENFILE, ENOMEM)                                       \
    _(EPOLL_CTL, "epoll_ctl", ENOMEM, ENOSPC)                                                      \
    _(EPOLL_WAIT, "epoll_pwait", EINTR)                                                            \
    _(EVENTFD, "eventfd", EMFILE, ENFILE, ENOMEM)                                                  \
    _(PIPE, "pipe2", EMFILE, ENFILE)                                                               \
    _(SOCKETPAIR, "socketpair", EMFILE, ENFILE)                                                    \
    _(POLL, "poll", EINTR, ENOMEM)                                                                 \
    _(NANOSLEEP, "nanosleep", EINTR)                                                               \
    _(GETRANDOM, "getrandom", EINTR, PARTIAL)                                                      \
    _(SETRLIMIT, "setrlimit", EPERM)                                                               \
    _(GETAFFINITY, "sched_getaffinity", EINVAL)                                                    \
    _(THREAD, "pthread_create", EAGAIN)

#define NUMBER(id, name, ...) id,
#define ROW(id, name, ...) {name, {__VA_ARGS__}},

enum call { CALLS(NUMBER) CALL_COUNT };

static const struct {
    const char *name;
    int errors[ERRORS_MAX];
} calls[] = {CALLS(ROW)};

_Static_assert(CALL_COUNT <= 64, "by_name has room for every call");

static struct control *control;
static _Thread_local bool is_inside; /* telling the story may allocate */

/* --- the next definition in line -----------------------------------------------------------------
 */

#define REAL(name)                                                                                 \
    __extension__({                                                                                \
        static _Atomic(void *) found;                                                              \
        void *next_ = atomic_load_explicit(&found, memory_order_relaxed);                          \
        if (!next_) {                                                                              \
            next_ = next_of(#name);                                                                \
            atomic_store_explicit(&found, next_, memory_order_relaxed);                            \
        }                                                                                          \
        (__typeof__(&name))(uintptr_t)next_;                                                       \
    })

static void *next_of(const char *name)
{
    void *address = dlsym(RTLD_NEXT, name);

    if (!address)
        abort();
    return address;
}

/* --- the one that fails --------------------------------------------------------------------------
 */

static size_t put_text(char *out, size_t used, size_t size, const char *text)
{
    while (*text && used + 1 < size)
        out[used++] = *text++;
    out[used] = '\0';
    return used;
}

static size_t put_hex(char *out, size_t used, size_t size, uintptr_t number)
{
    char digits[2 + 2 * sizeof(number) + 1] = "0x";
    size_t n = 2;

    for (int shift = (int)(8 * sizeof(number)) - 4; shift >= 0; shift -= 4)
        digits[n++] = "0123456789abcdef"[(number >> shift) & 15];
    digits[n] = '\0';
    return put_text(out, used, size, digits);
}

/* "FILE OFFSET NAME" of each frame: what addr2line wants. */
static void tell_story(void)
{
    void *frames[STACK_MAX];
    int depth = backtrace(frames, STACK_MAX);
    size_t used = 0;

    control->story[0] = '\0';
    for (int i = 2; i < depth; i++) {
        Dl_info info;

        if (dladdr(frames[i], &info) == 0 || !info.dli_fname)
            continue;
        used = put_text(control->story, used, STORY_BYTES, info.dli_fname);
        used = put_text(control->story, used, STORY_BYTES, " ");
        used = put_hex(control->story, used, STORY_BYTES,
                       (uintptr_t)frames[i] - (uintptr_t)info.dli_fbase);
        used = put_text(control->story, used, STORY_BYTES, " ");
        used = put_text(control->story, used, STORY_BYTES, info.dli_sname ? info.dli_sname : "");
        used = put_text(control->story, used, STORY_BYTES, "\n");
    }
}

/* 0 or PARTIAL, if it goes on at all. */
static int kill_at(enum call call)
{
    if (atomic_load(&control->choice) == KILL_HALF && (call == PWRITE || call == WRITE_FILE)) {
        atomic_store(&control->choice, KILL);
        atomic_fetch_add(&control->fail_at, 1);
        return PARTIAL;
    }
    put_text(control->name, 0, sizeof(control->name), calls[call].name);
    atomic_store(&control->fired, 1);
    kill(getpid(), SIGKILL);
    return 0;
}

static uint64_t kinds_of(enum call call)
{
    static const enum call files[] = {PREAD, PWRITE,    OPEN,      CLOSE,  STAT,
                                      FSYNC, FDATASYNC, FTRUNCATE, RENAME, UNLINK};

    if (call <= MMAP)
        return ALLOCATION;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i] == call)
            return SYSTEM_CALL | FILE_CALL;
    }
    return SYSTEM_CALL;
}

/* 0: it goes on as always. Else what it fails with, PARTIAL included. */
static int fault_of_fd(enum call call, bool is_blocking)
{
    uint64_t kind = kinds_of(call);
    uint64_t choices = 0;
    int error;

    if (!control || is_inside || !(atomic_load(&control->armed) & kind))
        return 0;
    atomic_fetch_add(&control->by_name[call], 1);
    if (atomic_fetch_add(&control->count, 1) + 1 != atomic_load(&control->fail_at))
        return 0;
    if (atomic_load(&control->choice) >= KILL)
        return kill_at(call);
    is_inside = true;
    while (choices < ERRORS_MAX && calls[call].errors[choices])
        choices++;
    error = calls[call].errors[atomic_load(&control->choice) % choices];
    if (error == EAGAIN && is_blocking)
        error = EINTR;
    put_text(control->name, 0, sizeof(control->name), calls[call].name);
    tell_story();
    atomic_store(&control->error, (uint64_t)(int64_t)error);
    atomic_store(&control->choices, choices);
    atomic_store(&control->fired, 1);
    is_inside = false;
    return error;
}

static int fault_of(enum call call)
{
    return fault_of_fd(call, false);
}

/* true: errno is set and the call must not be made. A partial one is only for callers of fault_of.
 */
static bool fails(enum call call)
{
    int error = fault_of(call);

    if (error)
        errno = error;
    return error != 0;
}

/* The bytes that may be moved: all of them, or a part; 0 with errno set for an error. */
static size_t allowed(int fd, enum call call, size_t count, bool *ret_fails)
{
    bool is_blocking =
        control && atomic_load(&control->armed) && (REAL(fcntl)(fd, F_GETFL) & O_NONBLOCK) == 0;
    int error = fault_of_fd(call, is_blocking);

    *ret_fails = error != 0 && error != PARTIAL;
    if (*ret_fails)
        errno = error;
    return error == PARTIAL && count > 1 ? (count > 64 ? count / 3 : 1) : count;
}

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("TURNOUT_FAULTS");
    void *frames[4];
    int fd;
    void *page;

    /* Only the program under test, not what starts it. */
    if (!path || strcmp(program_invocation_short_name, "turnout") != 0)
        return;
    backtrace(frames, 4); /* loads what it needs now */
    fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    page = REAL(mmap)(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(close)(fd);
    if (page == MAP_FAILED)
        abort();
    control = page;
}

/* --- allocations ---------------------------------------------------------------------------------
 */

/* What dlsym() itself asks for while the functions are being looked up. */
static char early[EARLY_BYTES];
static size_t early_used;
static bool is_looking;

static bool is_early(const void *block)
{
    return (const char *)block >= early && (const char *)block < early + EARLY_BYTES;
}

static void *take_early(size_t size)
{
    void *block = early + early_used;

    early_used += (size + 15) / 16 * 16;
    if (early_used > EARLY_BYTES)
        abort();
    return block;
}

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_posix_memalign)(void **, size_t, size_t);

static void look_up(void)
{
    if (real_posix_memalign)
        return;
    is_looking = true;
    real_malloc = (void *(*)(size_t))(uintptr_t)next_of("malloc");
    real_calloc = (void *(*)(size_t, size_t))(uintptr_t)next_of("calloc");
    real_realloc = (void *(*)(void *, size_t))(uintptr_t)next_of("realloc");
    real_free = (void (*)(void *))(uintptr_t)next_of("free");
    real_posix_memalign = (int (*)(void **, size_t, size_t))(uintptr_t)next_of("posix_memalign");
    is_looking = false;
}

static void *count_block(void *block)
{
    if (block && control)
        atomic_fetch_add_explicit(&control->live, 1, memory_order_relaxed);
    return block;
}

EXPORT void *malloc(size_t size)
{
    if (is_looking)
        return take_early(size);
    look_up();
    return fails(MALLOC) ? NULL : count_block(real_malloc(size));
}

EXPORT void *calloc(size_t count, size_t size)
{
    if (is_looking)
        return take_early(count * size);
    look_up();
    return fails(CALLOC) ? NULL : count_block(real_calloc(count, size));
}

EXPORT void *realloc(void *old, size_t size)
{
    void *block;

    look_up();
    if (is_early(old)) {
        block = malloc(size);
        return block ? memcpy(block, old, size) : NULL;
    }
    /* To a smaller size too: whoever relies on that is wrong. To none is a free(). */
    if ((size > 0 || !old) && fails(REALLOC))
        return NULL;
    block = real_realloc(old, size);
    if (!old)
        count_block(block);
    else if (size == 0 && !block && control)
        atomic_fetch_sub_explicit(&control->live, 1, memory_order_relaxed);
    return block;
}

EXPORT void free(void *block)
{
    if (!block || is_early(block))
        return;
    look_up();
    if (control)
        atomic_fetch_sub_explicit(&control->live, 1, memory_order_relaxed);
    real_free(block);
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    int error;

    look_up();
    error = fault_of(ALIGNED);
    if (!error)
        error = real_posix_memalign(ret_block, alignment, size);
    if (!error)
        count_block(*ret_block);
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(ALIGNED) ? NULL : count_block(REAL(aligned_alloc)(alignment, size));
}

EXPORT void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return fails(MMAP) ? MAP_FAILED : REAL(mmap)(at, len, protection, flags, fd, offset);
}

/* --- sockets -------------------------------------------------------------------------------------
 */

EXPORT int socket(int domain, int type, int protocol)
{
    return fails(SOCKET) ? -1 : REAL(socket)(domain, type, protocol);
}

EXPORT int socketpair(int domain, int type, int protocol, int ret_fds[2])
{
    return fails(SOCKETPAIR) ? -1 : REAL(socketpair)(domain, type, protocol, ret_fds);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    int error = fault_of(ACCEPT);

    /* This one is gone: the others leave it in the queue. */
    if (error == ECONNABORTED || error == EPERM) {
        int peer = REAL(accept4)(fd, address, len, flags);

        if (peer < 0)
            return peer;
        REAL(close)(peer);
    }
    errno = error ? error : errno;
    return error ? -1 : REAL(accept4)(fd, address, len, flags);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return fails(CONNECT) ? -1 : REAL(connect)(fd, address, len);
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    return fails(BIND) ? -1 : REAL(bind)(fd, address, len);
}

EXPORT int listen(int fd, int backlog)
{
    return fails(LISTEN) ? -1 : REAL(listen)(fd, backlog);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return fails(SETSOCKOPT) ? -1 : REAL(setsockopt)(fd, level, name, value, len);
}

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    /* the error of a socket can always be asked for */
    return name != SO_ERROR && fails(GETSOCKOPT) ? -1
                                                 : REAL(getsockopt)(fd, level, name, value, len);
}

EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    return fails(GETSOCKNAME) ? -1 : REAL(getsockname)(fd, address, len);
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    return fails(GETPEERNAME) ? -1 : REAL(getpeername)(fd, address, len);
}

EXPORT int shutdown(int fd, int how)
{
    return fails(SHUTDOWN) ? -1 : REAL(shutdown)(fd, how);
}

/* --- reading and writing -------------------------------------------------------------------------
 */

static enum call call_of(int fd, enum call of_socket, enum call of_file, enum call of_wake)
{
    struct stat status;
    int saved = errno;
    enum call call = of_wake;

    if (!control || !atomic_load(&control->armed))
        return of_socket; /* whichever: it will not fail */
    if (REAL(fstat)(fd, &status) == 0) {
        if (S_ISSOCK(status.st_mode))
            call = of_socket;
        else if (S_ISREG(status.st_mode))
            call = of_file;
    }
    errno = saved;
    return call;
}

EXPORT ssize_t read(int fd, void *bytes, size_t count)
{
    bool is_fault;
    size_t some = allowed(fd, call_of(fd, READ_SOCKET, READ_FILE, READ_WAKE), count, &is_fault);

    return is_fault ? -1 : REAL(read)(fd, bytes, some);
}

EXPORT ssize_t recv(int fd, void *bytes, size_t count, int flags)
{
    bool is_fault;
    size_t some = allowed(fd, READ_SOCKET, count, &is_fault);

    return is_fault ? -1 : REAL(recv)(fd, bytes, some, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    int error = fault_of(READ_SOCKET);

    if (error && error != PARTIAL) {
        errno = error;
        return -1;
    }
    return REAL(recvmsg)(fd, message, flags);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t count)
{
    bool is_fault;
    size_t some = allowed(fd, call_of(fd, WRITE_SOCKET, WRITE_FILE, WRITE_WAKE), count, &is_fault);

    return is_fault ? -1 : REAL(write)(fd, bytes, some);
}

EXPORT ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
    bool is_fault;
    size_t some = allowed(fd, WRITE_SOCKET, count, &is_fault);

    return is_fault ? -1 : REAL(send)(fd, bytes, some, flags);
}

EXPORT ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    bool is_fault;
    size_t some = allowed(fd, call_of(fd, WRITE_SOCKET, WRITE_FILE, WRITE_WAKE), pieces[0].iov_len,
                          &is_fault);

    if (is_fault)
        return -1;
    return some < pieces[0].iov_len ? REAL(write)(fd, pieces[0].iov_base, some)
                                    : REAL(writev)(fd, pieces, count);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    bool is_fault;
    size_t first = message->msg_iovlen > 0 ? message->msg_iov[0].iov_len : 0;
    size_t some = allowed(fd, WRITE_SOCKET, first, &is_fault);

    if (is_fault)
        return -1;
    return some < first ? REAL(send)(fd, message->msg_iov[0].iov_base, some, flags)
                        : REAL(sendmsg)(fd, message, flags);
}

EXPORT ssize_t pread(int fd, void *bytes, size_t count, off_t offset)
{
    bool is_fault;
    size_t some = allowed(fd, PREAD, count, &is_fault);

    return is_fault ? -1 : REAL(pread)(fd, bytes, some, offset);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    bool is_fault;
    size_t some = allowed(fd, PWRITE, count, &is_fault);

    return is_fault ? -1 : REAL(pwrite)(fd, bytes, some, offset);
}

/* --- files ---------------------------------------------------------------------------------------
 */

static bool needs_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode = 0;

    if (needs_mode(flags)) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return fails(OPEN) ? -1 : REAL(open)(path, flags, mode);
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
    return fails(FOPEN) ? NULL : REAL(fopen)(path, mode);
}

EXPORT char *fgets(char *text, int size, FILE *stream)
{
    return fails(FGETS) ? NULL : REAL(fgets)(text, size, stream);
}

/* The descriptor is gone even when it fails, as on Linux. */
EXPORT int close(int fd)
{
    int error = fault_of(CLOSE);
    int result = REAL(close)(fd);

    if (!error)
        return result;
    errno = error;
    return -1;
}

EXPORT int fstat(int fd, struct stat *ret_status)
{
    return fails(STAT) ? -1 : REAL(fstat)(fd, ret_status);
}

EXPORT int stat(const char *path, struct stat *ret_status)
{
    return fails(STAT) ? -1 : REAL(stat)(path, ret_status);
}

EXPORT int lstat(const char *path, struct stat *ret_status)
{
    return fails(STAT) ? -1 : REAL(lstat)(path, ret_status);
}

EXPORT int access(const char *path, int mode)
{
    return fails(ACCESS) ? -1 : REAL(access)(path, mode);
}

EXPORT int fsync(int fd)
{
    return fails(FSYNC) ? -1 : REAL(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
    return fails(FDATASYNC) ? -1 : REAL(fdatasync)(fd);
}

EXPORT int ftruncate(int fd, off_t len)
{
    return fails(FTRUNCATE) ? -1 : REAL(ftruncate)(fd, len);
}

EXPORT int rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : REAL(rename)(from, to);
}

EXPORT int unlink(const char *path)
{
    return fails(UNLINK) ? -1 : REAL(unlink)(path);
}

EXPORT int flock(int fd, int operation)
{
    return fails(FLOCK) ? -1 : REAL(flock)(fd, operation);
}

/* --- the loop and the process --------------------------------------------------------------------
 */

EXPORT int epoll_create1(int flags)
{
    return fails(EPOLL_CREATE) ? -1 : REAL(epoll_create1)(flags);
}

/* Only what is new needs memory: a descriptor that is there already is always EEXIST. */
EXPORT int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int result = REAL(epoll_ctl)(epoll, operation, fd, event);

    if (result != 0 || operation != EPOLL_CTL_ADD || !fails(EPOLL_CTL))
        return result;
    result = errno;
    REAL(epoll_ctl)(epoll, EPOLL_CTL_DEL, fd, event);
    errno = result;
    return -1;
}

EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout,
                       const sigset_t *mask)
{
    return fails(EPOLL_WAIT) ? -1 : REAL(epoll_pwait)(epoll, events, count, timeout, mask);
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    return fails(EPOLL_WAIT) ? -1 : REAL(epoll_wait)(epoll, events, count, timeout);
}

EXPORT int eventfd(unsigned start, int flags)
{
    return fails(EVENTFD) ? -1 : REAL(eventfd)(start, flags);
}

EXPORT int pipe2(int ret_fds[2], int flags)
{
    return fails(PIPE) ? -1 : REAL(pipe2)(ret_fds, flags);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return fails(POLL) ? -1 : REAL(poll)(fds, count, timeout);
}

EXPORT int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
    if (!fails(NANOSLEEP))
        return REAL(nanosleep)(time, ret_left);
    if (ret_left)
        *ret_left = *time;
    return -1;
}

/* Up to 256 bytes always come whole. */
EXPORT ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    int error = fault_of(GETRANDOM);

    if (error == PARTIAL)
        return REAL(getrandom)(bytes, count > 256 ? 256 : count, flags);
    if (!error)
        return REAL(getrandom)(bytes, count, flags);
    errno = error;
    return -1;
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    return fails(SETRLIMIT) ? -1 : REAL(setrlimit)(resource, limit);
}

EXPORT int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set)
{
    return fails(GETAFFINITY) ? -1 : REAL(sched_getaffinity)(pid, size, ret_set);
}

EXPORT int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *argument)
{
    int error = fault_of(THREAD);

    return error ? error : REAL(pthread_create)(ret_thread, attributes, run, argument);
}

/* The leak checker asks for this. A library that is loaded for backtrace() stays. */
const char *__lsan_default_suppressions(void);

EXPORT const char *__lsan_default_suppressions(void)
{
    return "leak:dl_open_worker\n";
}
