/* SPDX-License-Identifier: Apache-2.0
 * print_storage — rows of PersistentVolumes, their claims and classes, CSINodes, VolumeAttachments.
 */
#include "base/buf.h"
#include "kube/print_internal.h"

static struct str class_of(struct row *r)
{
    struct json old = json_get(print_path(r, "metadata.annotations"),
                               STR("volume.beta.kubernetes.io/storage-class"));
    return json_has(old) ? json_str(old) : json_str(print_path(r, "spec.storageClassName"));
}

static struct str text_of(struct json v)
{
    return json_type(v) == JSON_NUM ? json_num_text(v) : json_str(v);
}

static bool holds(struct json list, const char *word)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_is(json_str(it.value), word))
            return true;
    }
    return false;
}

/* "RWO,RWX" */
static void print_modes(struct row *r, struct json list)
{
    static const struct {
        const char *mode, *brief;
    } modes[] = { { "ReadWriteOnce", "RWO" },
                  { "ReadOnlyMany", "ROX" },
                  { "ReadWriteMany", "RWX" },
                  { "ReadWriteOncePod", "RWOP" } };
    struct buf b = { 0 };
    buf_init(&b, 64);
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (holds(list, modes[i].mode))
            buf_printf(&b, "%s%s", b.n ? "," : "", modes[i].brief);
    }
    print_str(r, buf_view(&b));
    buf_fini(&b);
}

static void print_phase(struct row *r)
{
    if (kobj_deleting(r->obj))
        print_str(r, STR("Terminating"));
    else
        print_at(r, "status.phase");
}

static void print_unset(struct row *r, const char *path)
{
    print_or(r, json_str(print_path(r, path)), "<unset>");
}

/* What a claim has is known once it has a volume. */
void print_volume_claim(struct row *r)
{
    struct str volume = json_str(print_path(r, "spec.volumeName"));
    struct json status = volume.n ? print_path(r, "status") : (struct json){ 0 };
    print_phase(r);
    print_str(r, volume);
    print_str(r, text_of(json_path(status, "capacity.storage")));
    print_modes(r, json_get(status, STR("accessModes")));
    print_str(r, class_of(r));
    print_unset(r, "spec.volumeAttributesClassName");
    print_age(r);
    print_unset(r, "spec.volumeMode");
}

void print_volume(struct row *r)
{
    struct json claim = print_path(r, "spec.claimRef");
    print_str(r, text_of(print_path(r, "spec.capacity.storage")));
    print_modes(r, print_path(r, "spec.accessModes"));
    print_at(r, "spec.persistentVolumeReclaimPolicy");
    print_phase(r);
    print_str(r, json_has(claim)
                     ? arena_printf(r->a, "%.*s/%.*s",
                                    STR_ARG(json_str(json_get(claim, STR("namespace")))),
                                    STR_ARG(json_str(json_get(claim, STR("name")))))
                     : STR(""));
    print_str(r, class_of(r));
    print_unset(r, "spec.volumeAttributesClassName");
    print_at(r, "status.reason");
    print_age(r);
    print_unset(r, "spec.volumeMode");
}

void print_storage_class(struct row *r)
{
    struct json notes = print_path(r, "metadata.annotations");
    if (str_is(json_str(json_get(notes, STR("storageclass.kubernetes.io/is-default-class"))),
               "true") ||
        str_is(json_str(json_get(notes, STR("storageclass.beta.kubernetes.io/is-default-class"))),
               "true"))
        jnode_replace_at(
            r->cells, 0,
            jnode_str(r->a, arena_printf(r->a, "%.*s (default)", STR_ARG(r->obj->name))));
    print_at(r, "provisioner");
    print_or(r, json_str(print_path(r, "reclaimPolicy")), "Delete");
    print_or(r, json_str(print_path(r, "volumeBindingMode")), "Immediate");
    jnode_append(r->cells,
                 jnode_bool(r->a, json_bool(print_path(r, "allowVolumeExpansion"), false)));
    print_age(r);
}

void print_csi_node(struct row *r)
{
    struct json drivers = print_path(r, "spec.drivers");
    print_i64(r, json_type(drivers) == JSON_ARR ? json_len(drivers) : 0);
    print_age(r);
}

void print_volume_attachment(struct row *r)
{
    print_at(r, "spec.attacher");
    print_at(r, "spec.source.persistentVolumeName");
    print_at(r, "spec.nodeName");
    jnode_append(r->cells, jnode_bool(r->a, json_bool(print_path(r, "status.attached"), false)));
    print_age(r);
}
