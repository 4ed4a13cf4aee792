/* A disk that keeps what was synced and, when the power goes, little or nothing of the rest.
 *
 * Preloaded into a process, it stands between everything that process has (SQLite, and the layer
 * of SQLite that calls the system; the key files, the folders) and the kernel. What is written
 * under WEAK_DISK_ROOT is written, so that the process reads what it wrote; and what was there
 * before is remembered until fsync. When the power goes, it is put back, and of what was never
 * synced a choice is written again: nothing, or only the first writes, the last of them torn, or
 * sectors here and there, of files that were waiting at the same time. Entries of folders (files
 * made, removed, renamed) go the same way, the last ones first, unless their folder was synced.
 *
 * The power goes just before the WEAK_DISK_CUT-th operation, and at the latest when the process
 * ends; what of the rest is kept follows from WEAK_DISK_INTEGER. A process that this ended exits
 * with 86. The shared memory of SQLite is left as it is: SQLite makes it anew when nobody uses
 * the database, whatever is in it.
 *
 * Known are the calls by which SQLite and Rust's standard library change files. It speaks to the
 * kernel directly, because the names it answers to are those of the C library. It never closes a
 * file that it opened: that would release the process's locks on it (fcntl, POSIX). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECTOR = 512, DARK = 86 };
enum manner { NOTHING, FIRST, HERE_AND_THERE };

/* A write or, without data, a change of size; and what was there before. */
struct change {
    off_t at, size_before, size_after;
    size_t bytes, old_bytes;
    unsigned char *data, *old;
};

/* A file with changes that were not synced. */
struct file {
    dev_t dev;
    ino_t ino;
    int fd;
    struct change *changes;
    size_t count, room;
    struct file *next;
};

/* A change of a folder. `saved` is a second name of what `path` or `other` named before. */
struct entry {
    enum { MADE, MADE_FOLDER, REMOVED, RENAMED } what;
    char path[PATH_MAX], other[PATH_MAX], saved[PATH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
static struct entry *entries;
static size_t entry_count, entry_room;
static char root[PATH_MAX];
static uint64_t operations, cut_at, dice;
static int dark;

static void *must(void *memory)
{
    if (!memory) abort();
    return memory;
}

static uint64_t number(const char *name)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : 0;
}

static int watching(void)
{
    static int state;
    if (state == 0) {
        const char *folder = getenv("WEAK_DISK_ROOT");
        cut_at = number("WEAK_DISK_CUT");
        dice = number("WEAK_DISK_INTEGER");
        if (folder) snprintf(root, sizeof root, "%s", folder);
        state = folder ? 1 : -1;
    }
    return state > 0;
}

/* Whether a path lies on this disk. */
static int here(const char *path)
{
    if (!watching()) return 0;
    size_t length = strlen(root), all = strlen(path);
    if (all >= PATH_MAX || strncmp(path, root, length) != 0 || path[length] != '/') return 0;
    return all < 4 || strcmp(path + all - 4, "-shm") != 0;
}

/* SplitMix64, below `end`. */
static uint64_t roll(uint64_t end)
{
    uint64_t mixed = dice += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return (mixed ^ (mixed >> 31)) % end;
}

static void path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

/* The file behind `fd`, if it is on this disk. */
static struct file *file_of(int fd, const struct stat *is)
{
    for (struct file *file = files; file; file = file->next)
        if (file->dev == is->st_dev && file->ino == is->st_ino) return file;
    char path[PATH_MAX], link[64];
    path_of(fd, path);
    if (!here(path)) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = syscall(SYS_openat, AT_FDCWD, link, O_RDWR | O_CLOEXEC, 0);
    if (own < 0) return NULL;
    struct file *file = must(calloc(1, sizeof *file));
    *file = (struct file){.dev = is->st_dev, .ino = is->st_ino, .fd = own, .next = files};
    return files = file;
}

static void forget(struct file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->changes[i].data);
        free(file->changes[i].old);
    }
    file->count = 0;
}

/* Begins to note a change that leaves nothing of the bytes from `at` to `end` as it was. */
static struct change *note(struct file *file, off_t size, off_t at, off_t end)
{
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 64;
        file->changes = must(realloc(file->changes, file->room * sizeof *file->changes));
    }
    struct change *change = &file->changes[file->count++];
    *change = (struct change){.at = at, .size_before = size, .size_after = end};
    if (end > size) end = size;
    if (at < end) {
        change->old = must(malloc(end - at));
        change->old_bytes = pread(file->fd, change->old, end - at, at);
        if (change->old_bytes != (size_t)(end - at)) abort();
    }
    return change;
}

static void write_at(int fd, const unsigned char *data, size_t bytes, off_t at)
{
    while (bytes > 0) {
        ssize_t written = syscall(SYS_pwrite64, fd, data, bytes, at);
        if (written <= 0) abort();
        data += written, at += written, bytes -= written;
    }
}

static void resize(int fd, off_t size)
{
    if (syscall(SYS_ftruncate, fd, size) != 0) abort();
}

/* Writes a change once more; torn, it is only some of its sectors. */
static void redo(int fd, const struct change *change, int torn)
{
    if (!change->data) {
        if (!torn || roll(2)) resize(fd, change->size_after);
        return;
    }
    for (size_t from = 0, to; from < change->bytes; from = to) {
        to = from + SECTOR - (change->at + from) % SECTOR;
        if (to > change->bytes) to = change->bytes;
        if (!torn || roll(2)) write_at(fd, change->data + from, to - from, change->at + from);
    }
}

static void put_back(struct file *file, enum manner manner)
{
    for (size_t i = file->count; i-- > 0;) {
        const struct change *change = &file->changes[i];
        resize(file->fd, change->size_before);
        write_at(file->fd, change->old, change->old_bytes, change->at);
    }
    size_t keep = manner == NOTHING ? 0 : manner == FIRST ? roll(file->count + 1) : file->count;
    for (size_t i = 0; i < keep; i++)
        redo(file->fd, &file->changes[i], manner == HERE_AND_THERE || i + 1 == keep);
}

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)at;
    syscall(SYS_unlinkat, AT_FDCWD, path, kind == FTW_DP ? AT_REMOVEDIR : 0);
    return 0;
}

static void rename_to(const char *from, const char *to)
{
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) != 0) abort();
}

static void undo(const struct entry *entry)
{
    switch (entry->what) {
    case MADE:
    case MADE_FOLDER:
        nftw(entry->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return;
    case RENAMED:
        rename_to(entry->other, entry->path);
        if (*entry->saved) rename_to(entry->saved, entry->other);
        return;
    case REMOVED:
        rename_to(entry->saved, entry->path);
    }
}

static void go_dark(void)
{
    if (dark) return;
    dark = 1;
    /* Half of the time nothing is left, which is the hardest for what was acknowledged. */
    static const enum manner manners[] = {NOTHING, NOTHING, FIRST, HERE_AND_THERE};
    enum manner manner = manners[roll(4)];
    for (struct file *file = files; file; file = file->next) put_back(file, manner);
    size_t keep = manner == NOTHING ? 0 : roll(entry_count + 1);
    for (size_t i = entry_count; i-- > keep;) undo(&entries[i]);
    for (size_t i = 0; i < keep; i++)
        if (*entries[i].saved) syscall(SYS_unlinkat, AT_FDCWD, entries[i].saved, 0);
}

/* Counts an operation, before it is done. */
static void step(void)
{
    if (++operations != cut_at) return;
    go_dark();
    _exit(DARK);
}

static struct entry *enter(int what, const char *path)
{
    if (entry_count == entry_room) {
        entry_room = entry_room ? 2 * entry_room : 16;
        entries = must(realloc(entries, entry_room * sizeof *entries));
    }
    struct entry *entry = &entries[entry_count++];
    memset(entry, 0, sizeof *entry);
    entry->what = what;
    strcpy(entry->path, path);
    return entry;
}

/* Gives what `path` names a second name, if there is anything, so that it can come back. */
static void save(const char *path, char *saved)
{
    static unsigned count;
    snprintf(saved, PATH_MAX, "%.3900s/.saved-%d-%u", root, getpid(), count++);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, saved, 0) != 0) *saved = 0;
}

/* The entries of a folder that was synced are there to stay. */
static void settle(const char *folder)
{
    size_t length = strlen(folder), left = 0;
    for (size_t i = 0; i < entry_count; i++) {
        const char *path = entries[i].path;
        if (strncmp(path, folder, length) == 0 && path + length == strrchr(path, '/')) {
            if (*entries[i].saved) syscall(SYS_unlinkat, AT_FDCWD, entries[i].saved, 0);
        } else {
            entries[left++] = entries[i];
        }
    }
    entry_count = left;
}

static ssize_t put(int fd, const void *data, size_t bytes, const off_t *place)
{
    struct stat is;
    struct file *file = NULL;
    int regular = watching() && bytes > 0 && fstat(fd, &is) == 0 && S_ISREG(is.st_mode);
    if (regular) pthread_mutex_lock(&lock);
    if (regular) file = file_of(fd, &is);
    if (file) {
        step();
        fstat(fd, &is);
        off_t at = place ? *place : lseek(fd, 0, SEEK_CUR);
        struct change *change = note(file, is.st_size, at, at + (off_t)bytes);
        change->data = must(malloc(bytes));
        change->bytes = bytes;
        memcpy(change->data, data, bytes);
    }
    ssize_t written = place ? syscall(SYS_pwrite64, fd, data, bytes, *place)
                            : syscall(SYS_write, fd, data, bytes);
    if (file && written != (ssize_t)bytes) abort();
    if (regular) pthread_mutex_unlock(&lock);
    return written;
}

static int sync_it(int fd, long call)
{
    struct stat is;
    if (watching() && fstat(fd, &is) == 0) {
        char path[PATH_MAX];
        path_of(fd, path);
        pthread_mutex_lock(&lock);
        struct file *file = S_ISREG(is.st_mode) ? file_of(fd, &is) : NULL;
        if (file || (S_ISDIR(is.st_mode) && (here(path) || strcmp(path, root) == 0))) step();
        if (file) forget(file);
        if (S_ISDIR(is.st_mode)) settle(path);
        pthread_mutex_unlock(&lock);
    }
    return syscall(call, fd);
}

int ftruncate(int fd, off_t size)
{
    struct stat is;
    struct file *file = NULL;
    int regular = watching() && fstat(fd, &is) == 0 && S_ISREG(is.st_mode);
    if (regular) pthread_mutex_lock(&lock);
    if (regular) file = file_of(fd, &is);
    if (file && fstat(fd, &is) == 0 && is.st_size != size) {
        step();
        note(file, is.st_size, size, is.st_size)->size_after = size;
    }
    int result = syscall(SYS_ftruncate, fd, size);
    if (file && result != 0) abort();
    if (regular) pthread_mutex_unlock(&lock);
    return result;
}

static int open_it(const char *path, int flags, mode_t mode)
{
    if (!here(path)) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&lock);
    int there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    int empties = there && (flags & O_TRUNC);
    int makes = !there && (flags & O_CREAT);
    if (makes) step();
    int fd = syscall(SYS_openat, AT_FDCWD, path, empties ? flags & ~O_TRUNC : flags, mode);
    if (makes && fd >= 0) enter(MADE, path);
    pthread_mutex_unlock(&lock);
    if (empties && fd >= 0) ftruncate(fd, 0);
    return fd;
}

#define MODE(flags, last)                          \
    mode_t mode = 0;                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {       \
        va_list rest;                              \
        va_start(rest, last);                      \
        mode = va_arg(rest, mode_t);               \
        va_end(rest);                              \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return open_it(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return open_it(path, flags | O_LARGEFILE, mode);
}

int mkdir(const char *path, mode_t mode)
{
    if (!here(path)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    step();
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result == 0) enter(MADE_FOLDER, path);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path)
{
    if (!here(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    step();
    char saved[PATH_MAX];
    save(path, saved);
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0) strcpy(enter(REMOVED, path)->saved, saved);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *path, const char *other)
{
    if (!here(path)) return syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, 0);
    pthread_mutex_lock(&lock);
    step();
    char saved[PATH_MAX];
    save(other, saved);
    int result = syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, 0);
    if (result == 0) {
        struct entry *entry = enter(RENAMED, path);
        strcpy(entry->other, other);
        strcpy(entry->saved, saved);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *data, size_t bytes) { return put(fd, data, bytes, NULL); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) { return put(fd, data, bytes, &at); }
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) { return put(fd, data, bytes, &at); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
int fsync(int fd) { return sync_it(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_it(fd, SYS_fdatasync); }

__attribute__((destructor)) static void the_end(void)
{
    if (!watching()) return;
    /* Not unlocked: whoever still wants to write waits until there is nobody left. */
    pthread_mutex_lock(&lock);
    go_dark();
}
