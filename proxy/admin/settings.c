#include "proxy/admin/against.h"

#include "lib/api/json.h"
#include "proxy/config/units.h"
#include "strategies/traffic/strategy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* A row where the two differ; NULL: there is none. */
static void put(json_t **list, const char *name, const char *before, const char *after)
{
    json_t *row;

    if (before && after ? strcmp(before, after) == 0 : before == after)
        return;
    row = json_pack("{s:s}", "name", name);
    tn_json_set(&row, "before", text_or_null(before));
    tn_json_set(&row, "after", text_or_null(after));
    tn_json_append(list, row);
}

/* The same for a setting of a version: the name is joined, so its length is known. */
static void put_of(json_t **list, const char *version, const char *what, const char *before,
                   const char *after)
{
    json_t *name = json_sprintf("version %s%s%s", version, *what ? " " : "", what);

    if (name)
        put(list, json_string_value(name), before, after);
    else
        tn_json_append(list, NULL);
    json_decref(name);
}

static void put_number(json_t **list, const char *version, const char *what, uint32_t before,
                       uint32_t after)
{
    char texts[2][16];

    snprintf(texts[0], sizeof(texts[0]), "%u", before);
    snprintf(texts[1], sizeof(texts[1]), "%u", after);
    put_of(list, version, what, texts[0], texts[1]);
}

static void put_ms(json_t **list, const char *version, const char *what, uint64_t before,
                   uint64_t after)
{
    char texts[2][PX_UNITS_TEXT_SIZE];

    put_of(list, version, what, px_units_write_duration(before, texts[0]),
           px_units_write_duration(after, texts[1]));
}

/* --- lists as one text --------------------------------------------------------------------------
 */

/* "a, b"; takes list over. NULL: no memory. */
static json_t *joined(json_t *list)
{
    json_t *text = list ? json_string("") : NULL;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        json_t *longer = json_sprintf("%s%s%s", json_string_value(text), i > 0 ? ", " : "",
                                      json_string_value(item));

        json_decref(text);
        text = longer;
        if (!text)
            break;
    }
    json_decref(list);
    return text;
}

static json_t *endpoints_of(const struct px_version *version)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < version->endpoint_count; i++)
        tn_json_append(&list, json_string(version->endpoints[i].text));
    return joined(list);
}

static json_t *trusted_of(const struct px_config *config)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < config->trusted_count; i++) {
        const struct px_prefix *prefix = &config->trusted[i];
        char text[INET6_ADDRSTRLEN] = "";

        inet_ntop(prefix->family, prefix->bytes, text, sizeof(text));
        tn_json_append(&list, json_sprintf("%s/%u", text, prefix->bits));
    }
    return joined(list);
}

static json_t *listens_of(const struct px_config *config)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < config->listen_count; i++)
        tn_json_append(&list,
                       json_sprintf("%s%s", config->listens[i].address.text,
                                    config->listens[i].proxy_protocol ? " (proxy_protocol)" : ""));
    return joined(list);
}

/* Takes both over; version NULL: what is the whole name. */
static void put_lists(json_t **list, const char *version, const char *what, json_t *before,
                      json_t *after)
{
    const char *texts[] = {json_string_value(before), json_string_value(after)};

    if (!before || !after)
        tn_json_append(list, NULL);
    else if (version)
        put_of(list, version, what, texts[0], texts[1]);
    else
        put(list, what, *texts[0] ? texts[0] : NULL, *texts[1] ? texts[1] : NULL);
    json_decref(before);
    json_decref(after);
}

/* --- versions -----------------------------------------------------------------------------------
 */

static void put_version(json_t **list, const struct px_version *a, const struct px_version *b)
{
    const struct px_health_config *x = &a->health;
    const struct px_health_config *y = &b->health;

    put_lists(list, a->name, "endpoints", endpoints_of(a), endpoints_of(b));
    put_of(list, a->name, "build", *a->build ? a->build : NULL, *b->build ? b->build : NULL);
    put_of(list, a->name, "balance", strategy_balance_ops(a->balance)->name,
           strategy_balance_ops(b->balance)->name);
    put_number(list, a->name, "max_requests", a->max_requests, b->max_requests);
    put_ms(list, a->name, "slow_start", a->slow_start_ms, b->slow_start_ms);
    put_of(list, a->name, "health path", x->path, y->path);
    put_ms(list, a->name, "health interval", x->interval_ms, y->interval_ms);
    put_ms(list, a->name, "health timeout", x->timeout_ms, y->timeout_ms);
    put_number(list, a->name, "health up_after", x->up_after, y->up_after);
    put_number(list, a->name, "health down_after", x->down_after, y->down_after);
}

/* It comes, or it goes: its endpoints tell. */
static void put_whole(json_t **list, const struct px_version *version, bool is_new)
{
    json_t *endpoints = endpoints_of(version);
    const char *text = json_string_value(endpoints);

    if (endpoints)
        put_of(list, version->name, "", is_new ? NULL : text, is_new ? text : NULL);
    else
        tn_json_append(list, NULL);
    json_decref(endpoints);
}

static json_t *order_of(const struct px_config *config)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < config->version_count; i++)
        tn_json_append(&list, json_string(config->versions[i].name));
    return joined(list);
}

static void put_versions(json_t **list, const struct px_config *old, const struct px_config *fresh)
{
    bool is_same_set = old->version_count == fresh->version_count;

    for (uint32_t i = 0; i < old->version_count; i++) {
        const struct px_version *before = &old->versions[i];
        const struct px_version *after = px_config_find_version(fresh, before->name);

        is_same_set = is_same_set && after;
        if (after)
            put_version(list, before, after);
        else
            put_whole(list, before, false);
    }
    for (uint32_t i = 0; i < fresh->version_count; i++) {
        if (!px_config_find_version(old, fresh->versions[i].name))
            put_whole(list, &fresh->versions[i], true);
    }
    if (is_same_set)
        put_lists(list, NULL, "order of versions", order_of(old), order_of(fresh));
}

static void put_limits(json_t **list, const struct px_limits *a, const struct px_limits *b)
{
    char texts[2][PX_LIMIT_TEXT_SIZE];
    const char *key;

    for (size_t i = 0; (key = px_limit_text(a, i, texts[0])); i++) {
        char name[64];

        px_limit_text(b, i, texts[1]);
        snprintf(name, sizeof(name), "limit %s", key);
        put(list, name, texts[0], texts[1]);
    }
}

json_t *px_reload_settings(const struct px_config *old, const struct px_config *fresh)
{
    static const char *const formats[] = {[PX_LOG_JSON] = "json", [PX_LOG_COMBINED] = "combined"};
    json_t *list = json_array();

    put_lists(&list, NULL, "listen", listens_of(old), listens_of(fresh));
    put(&list, "metrics", old->metrics.text, fresh->metrics.text);
    put(&list, "log access", old->access_log, fresh->access_log);
    put(&list, "log format", formats[old->log_format], formats[fresh->log_format]);
    put_lists(&list, NULL, "trusted_proxies", trusted_of(old), trusted_of(fresh));
    put_versions(&list, old, fresh);
    put_limits(&list, &old->limits, &fresh->limits);
    return list;
}
