/* What a process does to one folder, and what it says and hears over TCP, in one order; `recording.py` reads it.
 *
 * Loaded by LD_PRELOAD under an unmodified process. Nothing is noted as safer, or later, than it is: a change of a file
 * is noted once the kernel has it, a sync once it has returned, a send just before it begins, and what it took after.
 *
 * Files are known by their inode, so that neither dup nor a rename nor an open elsewhere hides one. Memory that is
 * mapped is not seen: SQLite keeps nothing but the index of its log there, which no power cut outlives.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head { /* 32 bytes, no padding: read as "<B3xIQQQ" */
    uint8_t kind;
    uint8_t unused[3];
    uint32_t name_bytes;
    uint64_t data_bytes, id, at;
};

static int log_fd = -1;
static char folder[PATH_MAX];
static size_t folder_bytes;

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("RECORD_FOLDER"), *log = getenv("RECORD_LOG");
    if (!where || !log || !realpath(where, folder)) return;
    folder_bytes = strlen(folder);
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

/* One writev to a file opened with O_APPEND: no lock is needed, and none is held over a fork. */
static void note(char kind, const char *name, uint64_t id, uint64_t at, const void *data, size_t bytes) {
    struct head head = {.kind = kind, .name_bytes = strlen(name), .data_bytes = bytes, .id = id, .at = at};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name_bytes}, {(void *)data, bytes}};
    int before = errno;
    ssize_t wanted = sizeof head + head.name_bytes + bytes;
    if (syscall(SYS_writev, log_fd, parts, bytes ? 3 : 2) != wanted) abort(); /* half a record is worse than none */
    errno = before;
}

/* The name of a path below the folder, "" for the folder itself, NULL elsewhere. */
static const char *below(const char *path) {
    if (strncmp(path, folder, folder_bytes)) return NULL;
    if (!path[folder_bytes]) return "";
    return path[folder_bytes] == '/' ? path + folder_bytes + 1 : NULL;
}

static const char *named(const char *path, char *whole) {
    char above[PATH_MAX];
    const char *last = strrchr(path, '/');
    if (log_fd < 0) return NULL;
    snprintf(above, sizeof above, "%.*s", last ? (int)(last - path) + 1 : 1, last ? path : ".");
    if (!realpath(above, whole)) return NULL;
    snprintf(whole + strlen(whole), PATH_MAX - strlen(whole), "/%s", last ? last + 1 : path);
    return below(whole);
}

/* The name of an open file or folder below the folder, NULL for anything else. */
static const char *file_of(int fd, char *whole, struct stat *about) {
    char link[64];
    ssize_t bytes;
    if (log_fd < 0 || fd < 0 || fstat(fd, about) || !(S_ISREG(about->st_mode) || S_ISDIR(about->st_mode))) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if ((bytes = readlink(link, whole, PATH_MAX - 1)) < 0) return NULL;
    whole[bytes] = 0;
    return below(whole);
}

/* The number of a TCP socket, which no later one has; 0 for anything else. */
static uint64_t stream_of(int fd) {
    struct stat about;
    struct sockaddr_storage name = {0};
    socklen_t bytes = sizeof name;
    if (log_fd < 0 || fd < 0 || fstat(fd, &about) || !S_ISSOCK(about.st_mode)) return 0;
    if (getsockname(fd, (struct sockaddr *)&name, &bytes)) return 0;
    return name.ss_family == AF_INET || name.ss_family == AF_INET6 ? about.st_ino : 0;
}

static void note_parts(char kind, const char *name, uint64_t id, uint64_t at, const struct iovec *parts, size_t taken) {
    for (; taken; parts++) {
        size_t bytes = parts->iov_len < taken ? parts->iov_len : taken;
        if (bytes) note(kind, name, id, at, parts->iov_base, bytes);
        at += bytes, taken -= bytes;
    }
}

static void about_to_say(uint64_t stream) { if (stream) note('B', "", stream, 0, NULL, 0); }
static void said(uint64_t stream, const struct iovec *parts, ssize_t taken) {
    if (stream && taken > 0) note_parts('N', "", stream, 0, parts, taken);
}
static void heard(int fd, const void *data, ssize_t bytes) {
    uint64_t stream = bytes > 0 ? stream_of(fd) : 0;
    if (stream) note('G', "", stream, 0, data, bytes);
}
static void wrote(int fd, const struct iovec *parts, ssize_t taken, int64_t at) {
    struct stat about;
    char whole[PATH_MAX];
    const char *name = taken > 0 ? file_of(fd, whole, &about) : NULL;
    if (name) note_parts('W', name, about.st_ino, at < 0 ? lseek(fd, 0, SEEK_CUR) - taken : at, parts, taken);
}
static void note_file(char kind, int fd, uint64_t at) {
    struct stat about;
    char whole[PATH_MAX];
    const char *name = file_of(fd, whole, &about);
    if (name) note(kind, name, about.st_ino, at, NULL, 0);
}
static void synced(int fd) {
    struct stat about;
    char whole[PATH_MAX];
    const char *name = file_of(fd, whole, &about);
    if (name) note(S_ISDIR(about.st_mode) ? 'D' : 'S', name, about.st_ino, 0, NULL, 0);
}
static int opened(int fd, int flags) {
    if (fd >= 0 && (flags & O_CREAT)) note_file('O', fd, 0);
    if (fd >= 0 && (flags & O_TRUNC)) note_file('T', fd, 0);
    return fd;
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)
#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        MODE(flags, mode) \
        return opened(real(path, flags, mode), flags); \
    }
#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(int, #name, int, const char *, int, ...); \
        MODE(flags, mode) \
        return opened(real(at, path, flags, mode), flags); \
    }
#define PWRITE(name, offset) \
    ssize_t name(int fd, const void *data, size_t bytes, offset at) { \
        REAL(ssize_t, #name, int, const void *, size_t, offset); \
        ssize_t taken = real(fd, data, bytes, at); \
        struct iovec part = {(void *)data, bytes}; \
        wrote(fd, &part, taken, at); \
        return taken; \
    }
#define TRUNCATE(name, offset) \
    int name(int fd, offset bytes) { \
        REAL(int, #name, int, offset); \
        int failed = real(fd, bytes); \
        if (!failed) note_file('T', fd, bytes); \
        return failed; \
    }
#define SYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        int failed = real(fd); \
        if (!failed) synced(fd); \
        return failed; \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    char whole[PATH_MAX];
    const char *name = named(path, whole);
    int failed = real(path);
    if (!failed && name) note('U', name, 0, 0, NULL, 0);
    return failed;
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    const char *old = named(from, whole_from), *new = named(to, whole_to);
    int failed = real(from, to);
    if (!failed && old && new) note('R', old, 0, 0, new, strlen(new));
    return failed;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    uint64_t stream = stream_of(fd);
    about_to_say(stream);
    ssize_t taken = real(fd, parts, count);
    stream ? said(stream, parts, taken) : wrote(fd, parts, taken, -1);
    return taken;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(ssize_t, "write", int, const void *, size_t);
    uint64_t stream = stream_of(fd);
    struct iovec part = {(void *)data, bytes};
    about_to_say(stream);
    ssize_t taken = real(fd, data, bytes);
    stream ? said(stream, &part, taken) : wrote(fd, &part, taken, -1);
    return taken;
}

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
    REAL(ssize_t, "send", int, const void *, size_t, int);
    uint64_t stream = stream_of(fd);
    struct iovec part = {(void *)data, bytes};
    about_to_say(stream);
    ssize_t taken = real(fd, data, bytes, flags);
    said(stream, &part, taken);
    return taken;
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to, socklen_t to_bytes) {
    REAL(ssize_t, "sendto", int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    uint64_t stream = stream_of(fd);
    struct iovec part = {(void *)data, bytes};
    about_to_say(stream);
    ssize_t taken = real(fd, data, bytes, flags, to, to_bytes);
    said(stream, &part, taken);
    return taken;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
    uint64_t stream = stream_of(fd);
    about_to_say(stream);
    ssize_t taken = real(fd, message, flags);
    said(stream, message->msg_iov, taken);
    return taken;
}

ssize_t read(int fd, void *data, size_t bytes) {
    REAL(ssize_t, "read", int, void *, size_t);
    ssize_t came = real(fd, data, bytes);
    heard(fd, data, came);
    return came;
}

ssize_t recv(int fd, void *data, size_t bytes, int flags) {
    REAL(ssize_t, "recv", int, void *, size_t, int);
    ssize_t came = real(fd, data, bytes, flags);
    if (!(flags & MSG_PEEK)) heard(fd, data, came);
    return came;
}
