/* A disk whose flush takes time: one file, `disk`, in a FUSE file system (linux/fuse.h, without a library), whose fsync sleeps. With a
 * loop device on it, each flush of the file system inside takes so long. Reads and writes go to FILE and cost no more than there.
 * Usage: slow_flush FILE MICROSECONDS FOLDER; mounts on FOLDER, prints a line, and serves until it is unmounted. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROOT = FUSE_ROOT_ID, DISK = 2, MOST = 1 << 17 };

static int device, file;
static useconds_t flush_time;

static struct fuse_attr attributes(uint64_t node)
{
    struct stat seen;
    struct fuse_attr is = {.ino = node, .nlink = 1, .blksize = 4096};
    fstat(file, &seen);
    is.mode = node == ROOT ? S_IFDIR | 0700 : S_IFREG | 0600;
    is.size = node == ROOT ? 0 : (uint64_t)seen.st_size;
    is.blocks = is.size / 512;
    return is;
}

static void answer(uint64_t unique, int error, const void *what, size_t size)
{
    struct fuse_out_header head = {.len = (uint32_t)(sizeof head + size), .error = -error, .unique = unique};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)what, size}};
    if (writev(device, parts, size ? 2 : 1) < 0 && errno != ENOENT)
        perror("slow_flush: answer");
}

static void begin(const struct fuse_in_header *in, const struct fuse_init_in *init)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = MOST};
    out.max_readahead = init->max_readahead;
    out.flags = init->flags & (FUSE_BIG_WRITES | FUSE_ASYNC_READ);
    answer(in->unique, 0, &out, sizeof out);
}

static void serve(const struct fuse_in_header *in, const char *body)
{
    static char content[MOST];
    switch (in->opcode) {
    case FUSE_INIT:
        begin(in, (const struct fuse_init_in *)body);
        return;
    case FUSE_LOOKUP: {
        struct fuse_entry_out out = {.nodeid = DISK, .entry_valid = 3600, .attr_valid = 3600, .attr = attributes(DISK)};
        answer(in->unique, strcmp(body, "disk") ? ENOENT : 0, &out, strcmp(body, "disk") ? 0 : sizeof out);
        return;
    }
    case FUSE_GETATTR:
    case FUSE_SETATTR: {
        struct fuse_attr_out out = {.attr_valid = 3600, .attr = attributes(in->nodeid)};
        answer(in->unique, 0, &out, sizeof out);
        return;
    }
    case FUSE_OPEN:
    case FUSE_OPENDIR: {
        struct fuse_open_out out = {.fh = 0};
        answer(in->unique, 0, &out, sizeof out);
        return;
    }
    case FUSE_READ: {
        const struct fuse_read_in *read = (const struct fuse_read_in *)body;
        ssize_t got = pread(file, content, read->size < MOST ? read->size : MOST, (off_t)read->offset);
        answer(in->unique, got < 0 ? errno : 0, content, got < 0 ? 0 : (size_t)got);
        return;
    }
    case FUSE_WRITE: {
        const struct fuse_write_in *write = (const struct fuse_write_in *)body;
        ssize_t put = pwrite(file, write + 1, write->size, (off_t)write->offset);
        struct fuse_write_out out = {.size = put < 0 ? 0 : (uint32_t)put};
        answer(in->unique, put < 0 ? errno : 0, &out, put < 0 ? 0 : sizeof out);
        return;
    }
    case FUSE_FSYNC:
        usleep(flush_time);
        answer(in->unique, 0, NULL, 0);
        return;
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        answer(in->unique, 0, NULL, 0);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        answer(in->unique, ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    static char request[MOST + 4096] __attribute__((aligned(8)));
    char options[128];
    ssize_t got;
    if (argc != 4)
        return 64;
    flush_time = (useconds_t)atol(argv[2]);
    file = open(argv[1], O_RDWR | O_CLOEXEC);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40700,user_id=0,group_id=0", device);
    if (file < 0 || device < 0 || mount("slow_flush", argv[3], "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
        perror("slow_flush");
        return 75;
    }
    puts("mounted");
    fflush(stdout);
    while ((got = read(device, request, sizeof request)) > 0 || (got < 0 && (errno == EINTR || errno == ENOENT)))
        if (got > 0)
            serve((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
    return 0;
}
