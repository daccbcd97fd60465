/* The wall clock of a Redis server, as a test wants it. Loaded with LD_PRELOAD; the file named by CAMBIST_TEST_CLOCK holds two int64:
 * microseconds to add, and the microseconds since 1970 at which the clock stands, 0 while it runs. Each is written and read at once.
 *
 * Only system calls: Redis's allocator asks for the time, so nothing here may allocate or look up a symbol. Monotonic clocks stay. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *file;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("CAMBIST_TEST_CLOCK");
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, 16, PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED) file = mapped;
}

static struct timespec wall(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    if (!file) return now;
    int64_t standing = file[1];
    int64_t micros = standing ? standing : now.tv_sec * 1000000LL + now.tv_nsec / 1000 + file[0];
    now.tv_sec = micros / 1000000;
    now.tv_nsec = micros % 1000000 * 1000;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *into) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return (int)syscall(SYS_clock_gettime, clock, into);
    *into = wall();
    return 0;
}

int gettimeofday(struct timeval *restrict into, void *restrict zone) {
    struct timespec now = wall();
    (void)zone;
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now = wall();
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
