/* SPDX-License-Identifier: Apache-2.0
 * machine — see machine.h. NVML is reached by dlopen: it is present on some machines only, and its
 * absence is a fact, not an error. */
#include "node/machine/machine.h"

#include <dlfcn.h>
#include <hwloc.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/file.h"

static struct str file_text(struct arena *a, const char *path)
{
    struct buf b;
    buf_init(&b, 65536);
    struct str out = STR("");
    if (file_read(&b, path, NULL) == 0)
        out = arena_str(a, str_trim(buf_view(&b)));
    buf_fini(&b);
    return out;
}

static void read_cells(struct machine *m, struct arena *a)
{
    hwloc_topology_t t;
    if (hwloc_topology_init(&t) < 0)
        return;
    if (hwloc_topology_load(t) == 0) {
        hwloc_obj_t cell = NULL;
        while (m->n_cells < MACHINE_CELLS_MAX &&
               (cell = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, cell)) != NULL) {
            char *list = NULL;
            if (!cell->cpuset || hwloc_bitmap_list_asprintf(&list, cell->cpuset) < 0)
                continue;
            m->cells[m->n_cells++] = (struct machine_cell){
                .cpus = arena_str(a, str_from(list)),
                .n_cpus = hwloc_bitmap_weight(cell->cpuset),
                .mem_bytes = (int64_t)cell->attr->numanode.local_memory,
            };
            free(list);
        }
    }
    hwloc_topology_destroy(t);
}

/* ---- NVML ---- */

typedef int (*nvml_void_fn)(void);
typedef int (*nvml_count_fn)(unsigned *);
typedef int (*nvml_handle_fn)(unsigned, void **);
typedef int (*nvml_name_fn)(void *, char *, unsigned);
struct nvml_memory {
    unsigned long long total, free, used;
};
typedef int (*nvml_memory_fn)(void *, struct nvml_memory *);

static void *symbol(void *lib, const char *name)
{
    return dlsym(lib, name);
}

static void read_first_gpu(struct machine *m, struct arena *a, void *lib)
{
    nvml_handle_fn handle = (nvml_handle_fn)symbol(lib, "nvmlDeviceGetHandleByIndex_v2");
    nvml_name_fn name = (nvml_name_fn)symbol(lib, "nvmlDeviceGetName");
    nvml_memory_fn memory = (nvml_memory_fn)symbol(lib, "nvmlDeviceGetMemoryInfo");
    char text[96] = "";
    struct nvml_memory mem = { 0 };
    void *device = NULL;
    if (!handle || handle(0, &device) != 0)
        return;
    if (name && name(device, text, sizeof text) == 0)
        m->gpu_model = arena_str(a, str_from(text));
    if (memory && memory(device, &mem) == 0)
        m->gpu_mem_mib = (int64_t)(mem.total >> 20);
}

static void read_gpus(struct machine *m, struct arena *a)
{
    void *lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    unsigned n = 0;
    if (!lib)
        return;
    nvml_void_fn begin = (nvml_void_fn)symbol(lib, "nvmlInit_v2");
    nvml_void_fn end = (nvml_void_fn)symbol(lib, "nvmlShutdown");
    nvml_count_fn count = (nvml_count_fn)symbol(lib, "nvmlDeviceGetCount_v2");
    if (begin && count && begin() == 0) {
        if (count(&n) == 0 && n)
            read_first_gpu(m, a, lib);
        if (end)
            end();
    }
    dlclose(lib);
    m->gpus = n < MACHINE_GPUS_MAX ? n : MACHINE_GPUS_MAX;
}

/* ---- the rest ---- */

static struct str os_image(struct arena *a)
{
    struct str text = file_text(a, "/etc/os-release");
    while (text.p) {
        struct str line = str_split(&text, '\n');
        if (str_starts(line, STR("PRETTY_NAME=\"")) && line.n > 14)
            return str_make(line.p + 13, line.n - 14);
    }
    return STR("Linux");
}

void machine_read(struct machine *m, struct arena *a, const char *data_dir)
{
    struct utsname u;
    struct statvfs fs;
    *m = (struct machine){ .arch = STR("amd64") };
    if (uname(&u) == 0) {
        m->host = arena_lower(a, str_from(u.nodename));
        m->kernel = arena_str(a, str_from(u.release));
        if (str_is(str_from(u.machine), "aarch64"))
            m->arch = STR("arm64");
        else if (!str_is(str_from(u.machine), "x86_64"))
            m->arch = arena_str(a, str_from(u.machine));
    }
    m->os_image = os_image(a);
    m->machine_id = file_text(a, "/etc/machine-id");
    m->boot_id = file_text(a, "/proc/sys/kernel/random/boot_id");
    m->cpu_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000;
    m->mem_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (statvfs(data_dir, &fs) == 0)
        m->disk_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
    read_cells(m, a);
    read_gpus(m, a);
}

bool machine_makes_networks(void)
{
    static const uint64_t needed = UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_SYS_ADMIN;
    struct buf b;
    uint64_t have = 0;
    buf_init(&b, 16384);
    if (file_read(&b, "/proc/self/status", NULL) == 0) {
        const char *line = strstr(b.p, "\nCapEff:");
        have = line ? strtoull(line + 8, NULL, 16) : 0;
    }
    buf_fini(&b);
    return (have & needed) == needed;
}

void machine_override(struct machine *m, const struct node_options *o)
{
    int64_t found_cpu = m->cpu_milli, found_mem = m->mem_bytes;
    if (o->cpu_milli > 0)
        m->cpu_milli = o->cpu_milli;
    if (o->mem_bytes > 0)
        m->mem_bytes = o->mem_bytes;
    for (size_t i = 0; i < m->n_cells; i++) {
        struct machine_cell *c = &m->cells[i];
        if (o->cpu_milli > 0 && found_cpu > 0)
            c->n_cpus = (int64_t)((double)c->n_cpus * (double)m->cpu_milli / (double)found_cpu);
        if (o->mem_bytes > 0 && found_mem > 0)
            c->mem_bytes =
                (int64_t)((double)c->mem_bytes * (double)m->mem_bytes / (double)found_mem);
    }
    if (o->gpus >= 0)
        m->gpus = o->gpus < MACHINE_GPUS_MAX ? o->gpus : MACHINE_GPUS_MAX;
    for (int64_t g = 0; g < m->gpus && m->n_cells; g++)
        m->gpu_cell[g] = g * (int64_t)m->n_cells / m->gpus;
}
