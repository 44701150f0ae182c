/* SPDX-License-Identifier: Apache-2.0
 * usage — see usage.h; proc(5), getrusage(2). */
#include "io/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/time.h"

static int64_t count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return 0;
    int64_t n = 0;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void read_memory(struct usage *out)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages_virtual = 0, pages_resident = 0;
    if (!f)
        return;
    if (fscanf(f, "%lld %lld", &pages_virtual, &pages_resident) == 2) {
        int64_t page = sysconf(_SC_PAGESIZE);
        out->virtual_bytes = pages_virtual * page;
        out->resident_bytes = pages_resident * page;
    }
    fclose(f);
}

static int64_t timeval_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * NS_PER_S + (int64_t)t.tv_usec * NS_PER_US;
}

void usage_read(struct usage *out)
{
    struct rusage r;
    struct rlimit limit;
    *out = (struct usage){ 0 };
    if (getrusage(RUSAGE_SELF, &r) == 0)
        out->cpu_ns = timeval_ns(r.ru_utime) + timeval_ns(r.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX)
        out->max_fds = (int64_t)limit.rlim_cur;
    read_memory(out);
    out->open_fds = count_entries("/proc/self/fd") - 1; /* not the one that counts */
    out->threads = count_entries("/proc/self/task");
}

void usage_want_fds(int64_t n)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)n)
        return;
    limit.rlim_cur = limit.rlim_max < (rlim_t)n ? limit.rlim_max : (rlim_t)n;
    setrlimit(RLIMIT_NOFILE, &limit);
}
