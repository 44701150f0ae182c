/* SPDX-License-Identifier: Apache-2.0
 * devices — see devices.h. */
#include "scheduler/devices/devices.h"

#include "base/num.h"

static uint64_t exclusive_cells(const struct snode *n, unsigned kind)
{
    uint64_t out = 0;
    for (unsigned c = 0; c < n->topology.n_cells; c++)
        out |= n->cells[c].exclusive ? n->topology.devices[kind][c] : 0;
    return out;
}

uint64_t devices_free(const struct snode *n, unsigned kind)
{
    return (uint64_t)n->free[kind] & ~exclusive_cells(n, kind);
}

uint64_t devices_lowest(uint64_t mask, uint32_t n)
{
    uint64_t out = 0;
    for (; n && mask; n--) {
        out |= mask & -mask;
        mask &= mask - 1;
    }
    return out;
}

/* ---- parts ---- */

static bool is_held_whole(const struct snode *n, uint32_t device)
{
    return !((uint64_t)n->free[DEVICE_NVIDIA] >> device & 1) && n->shares[device].milli == 0;
}

uint64_t devices_with_room(const struct snode *n, const struct gpu_part *part)
{
    uint64_t out = 0;
    for (uint32_t i = 0; i < n->topology.n_devices[DEVICE_NVIDIA]; i++) {
        const struct device_use *use = &n->shares[i];
        bool fits = !is_held_whole(n, i) && use->milli + part->milli <= GPU_WHOLE &&
                    use->mem_mib + part->mem_mib <= n->topology.gpu_mem_mib;
        out |= (uint64_t)fits << i;
    }
    return out & ~exclusive_cells(n, DEVICE_NVIDIA);
}

int32_t devices_left(const struct snode *n, uint32_t device)
{
    const struct device_use *use = &n->shares[device];
    int64_t mem = n->topology.gpu_mem_mib, left = GPU_WHOLE - use->milli;
    if (is_held_whole(n, device) || (exclusive_cells(n, DEVICE_NVIDIA) >> device & 1))
        return 0;
    if (mem)
        left = num_min_i64(left, (mem - use->mem_mib) * GPU_WHOLE / mem);
    return (int32_t)num_clamp_i64(left, 0, GPU_WHOLE);
}

uint64_t devices_tightest(const struct snode *n, const struct gpu_part *part, uint32_t count)
{
    uint64_t room = devices_with_room(n, part), out = 0;
    for (; count; count--) {
        uint64_t best = 0;
        int32_t least = GPU_WHOLE + 1;
        for (uint64_t left = room & ~out; left; left &= left - 1) {
            int32_t here = devices_left(n, (uint32_t)__builtin_ctzll(left));
            best = here < least ? left & -left : best;
            least = here < least ? here : least;
        }
        if (!best)
            return 0;
        out |= best;
    }
    return out;
}

/* ---- words ---- */

struct str devices_parts_text(struct arena *a, const struct placement *p)
{
    return arena_printf(a, "%.*s=%.*s:%lldm:%lldMi", STR_ARG(device_resources[DEVICE_NVIDIA]),
                        STR_ARG(mask_text(a, p->shared)), (long long)p->part_milli,
                        (long long)p->part_mem_mib);
}

/* "500m" with unit "m"; false when it is not such a number. */
static bool read_amount(struct str text, struct str unit, int64_t max, int64_t *out)
{
    return str_ends(text, unit) && str_to_i64(str_take(text, text.n - unit.n), out) && *out >= 0 &&
           *out <= max;
}

void devices_parts_parse(struct str text, struct placement *out)
{
    struct str name = str_split(&text, '='), list = str_split(&text, ':');
    struct str milli = str_split(&text, ':');
    int64_t m, mem;
    if (device_kind_of(name) != DEVICE_NVIDIA || !list.p || !milli.p || !text.p ||
        !read_amount(milli, STR("m"), GPU_WHOLE, &m) || m == 0 ||
        !read_amount(text, STR("Mi"), INT64_C(1) << 30, &mem))
        return;
    out->shared = mask_parse(list);
    out->part_milli = m;
    out->part_mem_mib = mem;
}
