#include "proxy/config/parse.h"
#include "proxy/config/units.h"

/* As in json.c: false, or NULL, when memory ran out. */

static bool put(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0;
}

static bool append(json_t *list, json_t *value)
{
    return value && json_array_append_new(list, value) == 0;
}

static json_t *checked(json_t *value, bool is_whole)
{
    if (is_whole)
        return value;
    json_decref(value);
    return NULL;
}

static bool put_texts(json_t *object, const char *key, char *const *texts, uint32_t count)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (uint32_t i = 0; ok && i < count; i++)
        ok = append(list, json_string(texts[i]));
    return put(object, key, checked(list, ok));
}

static bool put_pointers(json_t *object, const char *key, const struct px_pointer *pointers,
                         uint32_t count)
{
    json_t *list;
    bool ok;

    if (count == 0)
        return true;
    list = json_array();
    ok = list != NULL;
    for (uint32_t i = 0; ok && i < count; i++)
        ok = append(list, json_string(pointers[i].text));
    return put(object, key, checked(list, ok));
}

static bool put_tolerances(json_t *object, const struct px_compare *compare)
{
    json_t *map = json_object();
    bool ok = map != NULL;

    for (uint32_t i = 0; ok && i < compare->tolerance_count; i++)
        ok = put(map, compare->tolerances[i].pointer.text,
                 json_string(compare->tolerances[i].amount_text));
    return put(object, "tolerance", checked(map, ok));
}

static json_t *write_normalizer(const struct px_normalizer *normalizer)
{
    return normalizer->name ? json_string(normalizer->name)
                            : json_pack("{s:s, s:s}", "regex", normalizer->regex, "replace",
                                        normalizer->replace);
}

static bool put_normalizers(json_t *object, const struct px_compare *compare)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (uint32_t i = 0; ok && i < compare->normalizer_count; i++)
        ok = append(list, write_normalizer(&compare->normalizers[i]));
    return put(object, "normalize", checked(list, ok));
}

static bool put_groups(json_t *object, const struct px_compare *compare)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (uint32_t i = 0; ok && i < compare->group_count; i++)
        ok = append(list, json_pack("{s:s, s:s}", "name", compare->groups[i].name, "path",
                                    compare->groups[i].path));
    return put(object, "groups", checked(list, ok));
}

static json_t *write_compare(const struct px_compare *compare)
{
    json_t *object = json_object();
    bool ok = object &&
              (!compare->has_headers ||
               put_texts(object, "headers", compare->headers, compare->header_count)) &&
              put_pointers(object, "ignore", compare->ignore, compare->ignore_count) &&
              (compare->normalizer_count == 0 || put_normalizers(object, compare)) &&
              (compare->tolerance_count == 0 || put_tolerances(object, compare)) &&
              (compare->group_count == 0 || put_groups(object, compare)) &&
              put_pointers(object, "unordered", compare->unordered, compare->unordered_count);

    return checked(object, ok);
}

static json_t *write_baseline(const struct px_mirror_baseline *baseline)
{
    char percent[PX_UNITS_TEXT_SIZE];
    json_t *object =
        json_pack("{s:s, s:b}", "percent", px_units_write_percent(baseline->ppm, percent),
                  "side_effect_free", true);
    bool ok = object && (baseline->path_count == 0 ||
                         put_texts(object, "paths", baseline->paths, baseline->path_count));

    return checked(object, ok);
}

bool px_put_compare(json_t *object, const struct px_mirror *mirror)
{
    return (!mirror->compare || put(object, "compare", write_compare(mirror->compare))) &&
           (mirror->baseline.ppm == 0 ||
            put(object, "baseline", write_baseline(&mirror->baseline))) &&
           (mirror->keep_pairs == 0 || put(object, "keep_pairs", json_integer(mirror->keep_pairs)));
}
