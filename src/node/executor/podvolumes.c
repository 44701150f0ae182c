/* SPDX-License-Identifier: Apache-2.0
 * podvolumes — see podvolumes.h. */
#include "node/executor/podvolumes.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "node/executor/volume_files.h"

#define MODE_DEFAULT 0644

struct volume_pass {
    struct arena *a;
    const struct podspec *s;
    struct podspec_trouble *trouble;
    struct str name, dir; /* of the volume; dir is NUL-terminated */
    int64_t mode;         /* of files that name none */
    struct volume_files files;
};

static int refuse(struct volume_pass *p, struct str why)
{
    *p->trouble = (struct podspec_trouble){
        .reason = STR("ContainerCreating"),
        .message = arena_printf(p->a, "MountVolume.SetUp failed for volume \"%.*s\" : %.*s",
                                STR_ARG(p->name), STR_ARG(why)),
        .container = SIZE_MAX,
    };
    return -1;
}

static int refuse_err(struct volume_pass *p, const struct err *err)
{
    return refuse(p, arena_str(p->a, str_from(err->msg)));
}

static int add_file(struct volume_pass *p, struct str path, struct str bytes, int64_t mode)
{
    struct err err = { 0 };
    struct volume_file file = { path, bytes, (mode_t)(mode & 0777) };
    return volume_files_add(&p->files, file, &err) < 0 ? refuse_err(p, &err) : 0;
}

/* items: key → path; all keys when there are none. */
static int put_keys(struct volume_pass *p, struct json source, bool secret, struct str object_name)
{
    struct json object = p->s->find(p->s->find_arg, secret, object_name);
    struct json items = json_get(source, STR("items"));
    bool optional = json_bool(json_get(source, STR("optional")), false);
    if (!json_exists(object) && !optional)
        return refuse(p, arena_printf(p->a, "%s \"%.*s\" not found",
                                      secret ? "secret" : "configmap", STR_ARG(object_name)));
    struct json_iter it = json_iter(items);
    while (json_next(&it)) {
        struct str key = json_str(json_get(it.value, STR("key")));
        struct str bytes = podenv_key(p->a, object, secret, key);
        if (!bytes.p && !optional)
            return refuse(p, arena_printf(p->a, "references non-existent %s key: %.*s",
                                          secret ? "secret" : "config", STR_ARG(key)));
        if (bytes.p && add_file(p, json_str(json_get(it.value, STR("path"))), bytes,
                                json_i64_or(json_get(it.value, STR("mode")), p->mode)) < 0)
            return -1;
    }
    if (json_len(items))
        return 0;
    static const char *const parts[] = { "data", "binaryData" };
    for (size_t k = 0; k < COUNT_OF(parts); k++) {
        it = json_iter(json_get(object, str_from(parts[k])));
        while (json_next(&it))
            if (add_file(p, it.key, podenv_key(p->a, object, secret, it.key), p->mode) < 0)
                return -1;
    }
    return 0;
}

/* The smallest key behind `last`; absent: none is left. */
static struct str next_key(struct json map, struct str last)
{
    struct str least = { 0 };
    struct json_iter it = json_iter(map);
    while (json_next(&it))
        if ((!last.p || str_cmp(it.key, last) > 0) && (!least.p || str_cmp(it.key, least) < 0))
            least = it.key;
    return least;
}

/* "key=\"value\"" lines in the order of the keys, as a downwardAPI file shows a whole map. */
static struct str map_text(struct arena *a, struct json map)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    for (struct str key = next_key(map, (struct str){ 0 }); key.p; key = next_key(map, key)) {
        buf_printf(&b, "%s%.*s=", b.n ? "\n" : "", STR_ARG(key));
        json_write_str(&b, json_str(json_get(map, key)));
    }
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static int put_downward(struct volume_pass *p, struct json source)
{
    struct json_iter it = json_iter(json_get(source, STR("items")));
    while (json_next(&it)) {
        struct json field = json_get(it.value, STR("fieldRef"));
        struct str path = json_str(json_get(field, STR("fieldPath"))), text;
        if (str_is(path, "metadata.labels"))
            text = map_text(p->a, kobj_meta(p->s->pod, STR("labels")));
        else if (str_is(path, "metadata.annotations"))
            text = map_text(p->a, kobj_meta(p->s->pod, STR("annotations")));
        else if (json_has(field))
            text = podenv_field(p->a, p->s, path);
        else
            text = podenv_resource(p->a, p->s, 0, json_get(it.value, STR("resourceFieldRef")));
        if (!text.p)
            return refuse(p, arena_printf(p->a, "unsupported fieldPath: %.*s", STR_ARG(path)));
        if (add_file(p, json_str(json_get(it.value, STR("path"))), text,
                     json_i64_or(json_get(it.value, STR("mode")), p->mode)) < 0)
            return -1;
    }
    return 0;
}

static int put_projected(struct volume_pass *p, struct json projected)
{
    struct json_iter it = json_iter(json_get(projected, STR("sources")));
    while (json_next(&it)) {
        struct json map = json_get(it.value, STR("configMap")),
                    secret = json_get(it.value, STR("secret")),
                    downward = json_get(it.value, STR("downwardAPI"));
        int rc = 0; /* service account tokens are not made on the local node */
        if (json_has(map))
            rc = put_keys(p, map, false, json_str(json_get(map, STR("name"))));
        else if (json_has(secret))
            rc = put_keys(p, secret, true, json_str(json_get(secret, STR("name"))));
        else if (json_has(downward))
            rc = put_downward(p, downward);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int check_host_path(struct volume_pass *p, struct json host)
{
    struct str type = json_str(json_get(host, STR("type")));
    struct str path = arena_str(p->a, json_str(json_get(host, STR("path"))));
    struct err err = { 0 };
    struct stat st;
    bool there = path.n && stat(path.p, &st) == 0;
    if (str_is(type, "DirectoryOrCreate") && !there)
        return file_make_dirs(path.p, 0755, &err) < 0 ? refuse_err(p, &err) : 0;
    if (str_is(type, "FileOrCreate") && !there)
        return file_write_atomic(path.p, STR(""), 0644, &err) < 0 ? refuse_err(p, &err) : 0;
    if (!there)
        return refuse(p, arena_printf(p->a, "hostPath \"%.*s\" does not exist", STR_ARG(path)));
    bool folder = S_ISDIR(st.st_mode);
    if ((str_is(type, "Directory") && !folder) || (str_is(type, "File") && folder))
        return refuse(p, arena_printf(p->a, "hostPath type check failed: %.*s is not a %.*s",
                                      STR_ARG(path), STR_ARG(type)));
    return 0;
}

static int64_t group_of(const struct volume_pass *p)
{
    return json_i64_or(kobj_path(p->s->pod, "spec.securityContext.fsGroup"), -1);
}

static int make_empty_dir(struct volume_pass *p)
{
    int64_t group = group_of(p);
    if (chmod(p->dir.p, 0777) < 0 ||
        (group >= 0 && geteuid() == 0 && chown(p->dir.p, (uid_t)-1, (gid_t)group) < 0))
        return refuse(p, STR("the folder's mode cannot be set"));
    return 0;
}

/* What the API says goes into the volume: collected first, so that a missing part changes nothing.
 */
static int collect(struct volume_pass *p, struct json v)
{
    struct json map = json_get(v, STR("configMap")), secret = json_get(v, STR("secret")),
                down = json_get(v, STR("downwardAPI")), projected = json_get(v, STR("projected"));
    struct json source = json_has(map)      ? map
                         : json_has(secret) ? secret
                         : json_has(down)   ? down
                                            : projected;
    p->mode = json_i64_or(json_get(source, STR("defaultMode")), MODE_DEFAULT);
    if (json_has(map))
        return put_keys(p, map, false, json_str(json_get(map, STR("name"))));
    if (json_has(secret))
        return put_keys(p, secret, true, json_str(json_get(secret, STR("secretName"))));
    if (json_has(down))
        return put_downward(p, down);
    if (json_has(projected))
        return put_projected(p, projected);
    return refuse(p, STR("the local node has no volumes of this kind"));
}

static int show_volume(struct volume_pass *p, struct json v)
{
    struct err err = { 0 };
    bool changed;
    int rc = collect(p, v);
    if (rc == 0 && volume_files_show(&p->files, p->dir.p, group_of(p), &changed, &err) < 0)
        rc = refuse_err(p, &err);
    volume_files_fini(&p->files);
    return rc;
}

static int make_volume(struct volume_pass *p, struct json v)
{
    struct err err = { 0 };
    if (json_has(json_get(v, STR("hostPath"))))
        return check_host_path(p, json_get(v, STR("hostPath")));
    if (file_make_dirs(p->dir.p, 0755, &err) < 0)
        return refuse_err(p, &err);
    return json_has(json_get(v, STR("emptyDir"))) ? make_empty_dir(p) : show_volume(p, v);
}

/* A subPath that is not there becomes a folder, as kubelet makes it. */
static int make_sub_paths(struct arena *a, const struct podspec *s, struct json container)
{
    struct json_iter it = json_iter(json_get(container, STR("volumeMounts")));
    while (json_next(&it)) {
        struct str sub = json_str(json_get(it.value, STR("subPath")));
        struct str name = json_str(json_get(it.value, STR("name")));
        bool inside = sub.n && sub.p[0] != '/' && str_find(sub, STR("..")) < 0;
        struct str volume = arena_printf(a, "%.*s/volumes/%.*s", STR_ARG(s->dir), STR_ARG(name));
        struct str path = arena_printf(a, "%.*s/%.*s", STR_ARG(volume), STR_ARG(sub));
        if (!inside || !file_exists(volume.p) || file_exists(path.p))
            continue; /* hostPath volumes are not ours to fill */
        if (file_make_dirs(path.p, 0777, NULL) < 0)
            return -1;
    }
    return 0;
}

static int make_all_sub_paths(struct arena *a, const struct podspec *s)
{
    static const char *const lists[] = { "spec.initContainers", "spec.containers" };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct json_iter it = json_iter(kobj_path(s->pod, lists[i]));
        while (json_next(&it))
            if (make_sub_paths(a, s, it.value) < 0)
                return -1;
    }
    return 0;
}

static struct volume_pass pass_of(struct arena *a,
                                  const struct podspec *s,
                                  struct json volume,
                                  struct podspec_trouble *trouble)
{
    struct volume_pass p = { .a = a, .s = s, .trouble = trouble };
    p.name = json_str(json_get(volume, STR("name")));
    p.dir = arena_printf(a, "%.*s/volumes/%.*s", STR_ARG(s->dir), STR_ARG(p.name));
    return p;
}

int podvolumes_make(struct arena *a, const struct podspec *s, struct podspec_trouble *trouble)
{
    struct json_iter it = json_iter(kobj_path(s->pod, "spec.volumes"));
    while (json_next(&it)) {
        struct volume_pass p = pass_of(a, s, it.value, trouble);
        if (make_volume(&p, it.value) < 0)
            return -1;
    }
    if (make_all_sub_paths(a, s) == 0)
        return 0;
    *trouble = (struct podspec_trouble){ .reason = STR("ContainerCreating"),
                                         .message = STR("a subPath cannot be made"),
                                         .container = SIZE_MAX };
    return -1;
}

/* Is it filled from the API? */
static bool changes(struct json volume)
{
    static const char *const kinds[] = { "configMap", "secret", "downwardAPI", "projected" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (json_has(json_get(volume, str_from(kinds[i]))))
            return true;
    return false;
}

int podvolumes_refresh(struct arena *a, const struct podspec *s, struct podspec_trouble *trouble)
{
    struct json_iter it = json_iter(kobj_path(s->pod, "spec.volumes"));
    int rc = 0;
    while (json_next(&it)) {
        struct podspec_trouble one;
        struct volume_pass p = pass_of(a, s, it.value, &one);
        if (!changes(it.value) || show_volume(&p, it.value) == 0)
            continue;
        if (rc == 0)
            *trouble = one;
        rc = -1;
    }
    return rc;
}
