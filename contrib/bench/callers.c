/* Many callers at once: starts COUNT calls of PROGRAM, at most WIDTH at a time, each with FILE as its input, and prints the seconds that
 * all of them took together; ends with 1 when one of them fails. Usage: callers WIDTH COUNT FILE PROGRAM [ARGUMENT...] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv)
{
    if (argc < 5)
        return 64;
    long width = atol(argv[1]), left = atol(argv[2]), running = 0, failed = 0;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (left > 0 || running > 0) {
        if (left > 0 && running < width) {
            posix_spawn_file_actions_t actions;
            pid_t pid;
            posix_spawn_file_actions_init(&actions);
            posix_spawn_file_actions_addopen(&actions, 0, argv[3], O_RDONLY, 0);
            if (posix_spawn(&pid, argv[4], &actions, NULL, argv + 4, environ) != 0)
                return 1;
            posix_spawn_file_actions_destroy(&actions);
            left--, running++;
        } else {
            int status;
            if (wait(&status) < 0)
                return 1;
            running--, failed += status != 0;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%f\n", (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
    return failed != 0;
}
