/* SPDX-License-Identifier: Apache-2.0
 * gpu_share — see gpu_share.h. */
#include "scheduler/devices/gpu_share.h"

#include <stdio.h>

#include "base/num.h"
#include "codec/quantity.h"
#include "scheduler/devices/gpu_ask.h"

#define MIB (INT64_C(1) << 20)

enum unit {
    UNIT_DEVICES,     /* how many devices to take the part of */
    UNIT_FRACTION,    /* "0.5" of the device */
    UNIT_PERCENT,     /* of the device, each */
    UNIT_PERCENT_SUM, /* of devices, over all of them; 100s without a number of devices */
    UNIT_MEM_PERCENT, /* of the device's memory, over all devices */
    UNIT_MEM_MIB,     /* each */
    UNIT_MEM_BYTES,   /* over all devices */
    UNIT_REPLICAS,    /* devices, of each what one replica is */
};

static const struct share_row {
    const char *annotation, *resource; /* one of them */
    enum unit unit;
} rows[] = {
    { .annotation = "gpu-fraction-num-devices", .unit = UNIT_DEVICES },
    { .annotation = "gpu-fraction", .unit = UNIT_FRACTION },
    { .annotation = "gpu-memory", .unit = UNIT_MEM_MIB },
    { .resource = "koordinator.sh/gpu.shared", .unit = UNIT_DEVICES },
    { .resource = "koordinator.sh/gpu-core", .unit = UNIT_PERCENT_SUM },
    { .resource = "koordinator.sh/gpu-memory", .unit = UNIT_MEM_BYTES },
    { .resource = "koordinator.sh/gpu-memory-ratio", .unit = UNIT_MEM_PERCENT },
    { .resource = "nvidia.com/gpu-memory", .unit = UNIT_MEM_MIB },
    { .resource = "nvidia.com/gpu.shared", .unit = UNIT_REPLICAS },
    { .resource = "volcano.sh/vgpu-number", .unit = UNIT_DEVICES },
    { .resource = "volcano.sh/vgpu-cores", .unit = UNIT_PERCENT },
    { .resource = "volcano.sh/vgpu-memory", .unit = UNIT_MEM_MIB },
};

struct sums { /* over the devices, before they are shared out */
    int64_t milli, mem_bytes, mem_milli;
};

static int bad(const struct share_row *row, struct str text, const char *may, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s %.*s: must be %s",
                   row->annotation ? row->annotation : row->resource, STR_ARG(text), may);
}

static int set_fraction(const struct share_row *row, struct str text, int32_t *out, struct err *err)
{
    struct quantity q;
    if (quantity_parse(&q, text, NULL) || quantity_milli(&q) < 1 || quantity_milli(&q) > GPU_WHOLE)
        return bad(row, text, "a number above 0 and at most 1, such as 0.25", err);
    *out = (int32_t)quantity_milli(&q); /* rounded up */
    return 0;
}

static int set_percent(const struct share_row *row, int64_t v, int64_t max, struct err *err)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)v);
    return v <= max
               ? 0
               : bad(row, str_make(text, (size_t)n), "a percentage of devices that exist", err);
}

/* One row's amount, > 0. */
static int add_amount(struct gpu_share *s,
                      struct sums *sums,
                      const struct share_row *row,
                      int64_t v,
                      struct err *err)
{
    switch (row->unit) {
    case UNIT_FRACTION: /* read as text */
        break;
    case UNIT_DEVICES:
        s->devices = (uint32_t)(v > SCHED_DEVICES_MAX ? SCHED_DEVICES_MAX + 1 : v);
        break;
    case UNIT_REPLICAS:
        s->devices = (uint32_t)(v > SCHED_DEVICES_MAX ? SCHED_DEVICES_MAX + 1 : v);
        s->replica = true;
        break;
    case UNIT_PERCENT:
        s->milli = (int32_t)(v > 100 ? 1001 : v * 10);
        return set_percent(row, v, 100, err);
    case UNIT_PERCENT_SUM:
        sums->milli = v * 10;
        return set_percent(row, v, 100 * SCHED_DEVICES_MAX, err);
    case UNIT_MEM_PERCENT:
        sums->mem_milli = v * 10;
        return set_percent(row, v, 100 * SCHED_DEVICES_MAX, err);
    case UNIT_MEM_MIB:
        s->mem_mib = v;
        break;
    case UNIT_MEM_BYTES:
        sums->mem_bytes = v;
        break;
    }
    return 0;
}

static int read_annotation(struct gpu_share *s,
                           struct sums *sums,
                           const struct share_row *row,
                           const struct pod *pod,
                           struct err *err)
{
    struct str text = json_str(json_get(pod->annotations, str_from(row->annotation)));
    int64_t v;
    if (!text.p)
        return 0;
    if (row->unit == UNIT_FRACTION)
        return set_fraction(row, text, &s->milli, err);
    if (!str_to_i64(text, &v) || v < 1)
        return bad(row, text, "a whole number, at least 1", err);
    return add_amount(s, sums, row, v, err);
}

/* What was said for all devices together becomes so much of each. */
static void share_out(struct gpu_share *s, const struct sums *sums)
{
    int64_t most = sums->milli > sums->mem_milli ? sums->milli : sums->mem_milli;
    if (!s->devices)
        s->devices = most > GPU_WHOLE ? (uint32_t)num_div_up_i64(most, GPU_WHOLE) : 1;
    if (sums->milli)
        s->milli = (int32_t)num_div_up_i64(sums->milli, s->devices);
    if (sums->mem_milli)
        s->mem_milli = (int32_t)num_div_up_i64(sums->mem_milli, s->devices);
    if (sums->mem_bytes)
        s->mem_mib = num_div_up_i64(num_div_up_i64(sums->mem_bytes, s->devices), MIB);
}

int gpu_share_of(struct gpu_share *out, const struct pod *pod, struct err *err)
{
    struct gpu_share s = { 0 };
    struct sums sums = { 0 };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct share_row *row = &rows[i];
        int64_t v = row->resource ? amounts_get(&pod->requests, str_from(row->resource)) : 0;
        if (row->annotation && read_annotation(&s, &sums, row, pod, err))
            return -1;
        if (v > 0 && add_amount(&s, &sums, row, v, err))
            return -1;
    }
    bool part = s.milli || s.mem_mib || s.replica || sums.milli || sums.mem_bytes || sums.mem_milli;
    if (!part) { /* so many devices of nothing: whole ones, asked for elsewhere */
        *out = (struct gpu_share){ 0 };
        return 0;
    }
    share_out(&s, &sums);
    if (amounts_get(&pod->requests, device_resources[DEVICE_NVIDIA]) > 0)
        return err_set(err, ERR_INVALID, "asks for whole GPUs and for parts of GPUs: choose one");
    *out = s;
    return 0;
}

bool gpu_share_on(const struct gpu_share *s, const struct topology *t, struct gpu_part *out)
{
    int64_t mem = t->gpu_mem_mib, milli = s->milli;
    int64_t want = s->mem_milli ? num_div_up_i64(mem * s->mem_milli, GPU_WHOLE) : s->mem_mib;
    if (s->replica)
        milli = t->gpu_replicas > 0 ? GPU_WHOLE / t->gpu_replicas : 0;
    if (want && !mem)
        return false;
    if (!milli && s->mem_milli)
        milli = s->mem_milli;
    if (!milli && want)
        milli = num_div_up_i64(want * GPU_WHOLE, mem);
    if (!want)
        want = mem * milli / GPU_WHOLE;
    if (milli < 1 || milli > GPU_WHOLE || want > mem)
        return false;
    *out = (struct gpu_part){ (int32_t)milli, want };
    return true;
}
