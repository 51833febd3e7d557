#include "proxy/config/parse.h"
#include "proxy/config/units.h"

#include <xxhash.h>

/* Every writer gives true, or false when memory ran out; a value of NULL has run out already. */

static bool put(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0;
}

static bool put_text(json_t *object, const char *key, const char *text)
{
    return put(object, key, json_string(text));
}

static bool put_duration(json_t *object, const char *key, uint64_t ms, uint64_t standard)
{
    char buffer[PX_UNITS_TEXT_SIZE];
    if (ms == standard) {
        return true;
    }
    return put_text(object, key, ms == PX_NO_LIMIT ? "off" : px_units_write_duration(ms, buffer));
}

static bool put_size(json_t *object, const char *key, uint64_t bytes, uint64_t standard)
{
    char buffer[PX_UNITS_TEXT_SIZE];
    if (bytes == standard) {
        return true;
    }
    return put_text(object, key,
                    bytes == PX_NO_LIMIT ? "unlimited" : px_units_write_size(bytes, buffer));
}

static bool append(json_t *list, json_t *value)
{
    return value && json_array_append_new(list, value) == 0;
}

/* Drops what is half written. */
static json_t *checked(json_t *value, bool is_whole)
{
    if (!is_whole) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static json_t *write_value(const struct px_match_value *value)
{
    static const char *const keys[] = {"value", "prefix", "regex", "present"};
    if (!value->name && value->kind == PX_MATCH_EXACT && !value->negate) {
        return json_string(value->text);
    }
    json_t *object = json_object();
    if (!object) {
        return NULL;
    }
    bool ok = !value->name || put_text(object, "name", value->name);
    if (value->kind == PX_MATCH_PRESENT) {
        ok = ok && put(object, keys[value->kind], json_true());
    } else {
        ok = ok && put_text(object, keys[value->kind], value->text);
    }
    ok = ok && (!value->negate || put(object, "not", json_true()));
    return checked(object, ok);
}

static json_t *write_values(const struct px_match_value *values, uint32_t count)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = append(list, write_value(&values[i]));
    }
    return checked(list, ok);
}

static json_t *write_match(const struct px_match *match)
{
    json_t *object = json_object();
    bool ok = object && (!match->host || put(object, "host", write_value(match->host))) &&
              (!match->path || put(object, "path", write_value(match->path))) &&
              (!match->method || put(object, "method", write_value(match->method))) &&
              (match->header_count == 0 ||
               put(object, "headers", write_values(match->headers, match->header_count))) &&
              (match->cookie_count == 0 ||
               put(object, "cookies", write_values(match->cookies, match->cookie_count))) &&
              (match->query_count == 0 ||
               put(object, "query", write_values(match->query, match->query_count)));
    return checked(object, ok);
}

static bool put_matches(json_t *object, const struct px_rule *rule)
{
    if (rule->match_count == 0) {
        return true;
    }
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < rule->match_count; i++) {
        ok = append(list, write_match(&rule->matches[i]));
    }
    return put(object, "match", checked(list, ok));
}

static bool put_weights(json_t *object, const struct px_rule *rule)
{
    json_t *weights = json_object();
    bool ok = weights != NULL;
    for (uint32_t i = 0; ok && i < rule->weight_count; i++) {
        ok = put(weights, rule->weights[i].version, json_integer(rule->weights[i].weight));
    }
    return put(object, "weights", checked(weights, ok));
}

static json_t *write_by(const struct px_sticky *sticky)
{
    switch (sticky->by) {
    case PX_STICKY_HEADER:
        return json_sprintf("header:%s", sticky->name);
    case PX_STICKY_OWN_COOKIE:
        return json_sprintf("cookie:%s", sticky->name);
    case PX_STICKY_CLIENT_IP:
        return json_string("client_ip");
    default:
        return json_string("cookie");
    }
}

static bool put_sticky(json_t *object, const struct px_rule *rule)
{
    const struct px_sticky *sticky = &rule->sticky;
    if (sticky->by == PX_STICKY_NONE) {
        return true;
    }
    json_t *map = json_object();
    bool is_named = sticky->by == PX_STICKY_COOKIE && strcmp(sticky->name, PX_DEFAULT_COOKIE) != 0;
    bool ok = map && put(map, "by", write_by(sticky)) &&
              (!is_named || put_text(map, "name", sticky->name)) &&
              (strcmp(sticky->seed, rule->name) == 0 || put_text(map, "seed", sticky->seed)) &&
              (!sticky->affinity_session || put_text(map, "affinity", "session")) &&
              (!sticky->scope_endpoint || put_text(map, "scope", "endpoint")) &&
              (!sticky->on_missing_fail || put_text(map, "on_missing", "fail")) &&
              (!sticky->key_file || put_text(map, "key_file", sticky->key_file_written)) &&
              put_duration(map, "max_age", sticky->max_age_ms, 0);
    return put(object, "sticky", checked(map, ok));
}

static bool put_methods(json_t *object, const struct px_mirror *mirror)
{
    if (mirror->methods == PX_MIRROR_METHODS) {
        return true;
    }
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < TN_HTTP_METHOD_OTHER; i++) {
        ok = !(mirror->methods & (1u << i)) || append(list, json_string(px_mirror_methods[i]));
    }
    return put(object, "methods", checked(list, ok));
}

static bool put_drop_headers(json_t *object, const struct px_mirror *mirror)
{
    if (mirror->drop_header_count == 0) {
        return true;
    }
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < mirror->drop_header_count; i++) {
        ok = append(list, json_string(mirror->drop_headers[i]));
    }
    return put(object, "drop_headers", checked(list, ok));
}

static json_t *write_mirror(const struct px_mirror *mirror)
{
    char percent[PX_UNITS_TEXT_SIZE];
    json_t *object = json_object();
    bool is_all = mirror->ppm == PX_UNITS_PPM_MAX;
    bool ok =
        object && put_text(object, "to", mirror->to) &&
        (is_all || put_text(object, "percent", px_units_write_percent(mirror->ppm, percent))) &&
        put_methods(object, mirror) && (!mirror->sample_key || put_text(object, "sample", "key")) &&
        put_drop_headers(object, mirror) &&
        put_size(object, "max_body", mirror->max_body_bytes, PX_MIRROR_MAX_BODY) &&
        px_put_compare(object, mirror);
    return checked(object, ok);
}

static bool put_mirrors(json_t *object, const struct px_rule *rule)
{
    if (rule->mirror_count == 0) {
        return true;
    }
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < rule->mirror_count; i++) {
        ok = append(list, write_mirror(&rule->mirrors[i]));
    }
    return put(object, "mirror", checked(list, ok));
}

static bool put_guard(json_t *object, const struct px_rule *rule)
{
    const struct px_guard *guard = &rule->guard;
    char percent[PX_UNITS_TEXT_SIZE];
    if (!guard->is_set) {
        return true;
    }
    json_t *map = json_object();
    bool ok =
        map && (!guard->on_worse || put_text(map, "worse", "abort")) &&
        (guard->max_error_ppm == 0 ||
         put_text(map, "max_error_rate", px_units_write_percent(guard->max_error_ppm, percent))) &&
        (guard->consecutive_failures == 0 ||
         put(map, "consecutive_failures", json_integer(guard->consecutive_failures))) &&
        (guard->min_requests == PX_GUARD_MIN_REQUESTS ||
         put(map, "min_requests", json_integer(guard->min_requests)));
    return put(object, "guard", checked(map, ok));
}

static json_t *write_goal(const struct px_goal *goal)
{
    json_t *object = json_object();
    bool is_standard = goal->status_low == 200 && goal->status_high == 299;
    bool is_class = goal->status_high > goal->status_low;
    bool ok = object && put_text(object, "name", goal->name) &&
              put(object, "match", write_match(&goal->match)) &&
              (is_standard || put(object, "status",
                                  is_class ? json_sprintf("%uxx", goal->status_low / 100)
                                           : json_sprintf("%u", goal->status_low)));
    return checked(object, ok);
}

static bool put_goals(json_t *object, const struct px_rule *rule)
{
    if (rule->goal_count == 0) {
        return true;
    }
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < rule->goal_count; i++) {
        ok = append(list, write_goal(&rule->goals[i]));
    }
    return put(object, "goals", checked(list, ok));
}

static bool put_timeouts(json_t *object, const struct px_rule *rule)
{
    struct px_timeouts standard;
    const struct px_timeouts *timeouts = &rule->timeouts;
    px_timeouts_default(&standard);
    json_t *map = json_object();
    bool ok = map && put_duration(map, "connect", timeouts->connect_ms, standard.connect_ms) &&
              put_duration(map, "first_byte", timeouts->first_byte_ms, standard.first_byte_ms) &&
              put_duration(map, "idle", timeouts->idle_ms, standard.idle_ms) &&
              put_duration(map, "total", timeouts->total_ms, standard.total_ms);
    map = checked(map, ok);
    if (map && json_object_size(map) == 0) {
        json_decref(map);
        return true;
    }
    return put(object, "timeouts", map);
}

json_t *px_rule_to_json(const struct px_rule *rule)
{
    json_t *object = json_object();
    bool ok =
        object && put_text(object, "name", rule->name) && put_matches(object, rule) &&
        (!rule->stable || put_text(object, "stable", rule->stable)) && put_weights(object, rule) &&
        put_sticky(object, rule) &&
        (rule->on_unhealthy == STRATEGY_FAIL || put_text(object, "on_unhealthy", "failover")) &&
        put_guard(object, rule) && put_goals(object, rule) && put_mirrors(object, rule) &&
        put_timeouts(object, rule) &&
        put_size(object, "max_body", rule->max_body_bytes, PX_NO_LIMIT) &&
        (!rule->made_by_route || put(object, "made_by_route", json_true())) &&
        (!rule->is_switched_off || put(object, "switched_off", json_true()));
    return checked(object, ok);
}

static int hash_piece(const char *bytes, size_t len, void *state)
{
    return XXH3_64bits_update(state, bytes, len) == XXH_OK ? 0 : -1;
}

/* 0: out of memory. Takes the object over. */
static uint64_t hash_json(json_t *object)
{
    XXH3_state_t *state = XXH3_createState();
    bool ok = state && object && XXH3_64bits_reset(state) == XXH_OK &&
              json_dump_callback(object, hash_piece, state, JSON_COMPACT) == 0;
    uint64_t hash = ok ? XXH3_64bits_digest(state) : 0;
    json_decref(object);
    XXH3_freeState(state);
    return ok && hash == 0 ? 1 : hash;
}

uint64_t px_rule_hash(const struct px_rule *rule)
{
    return hash_json(px_rule_to_json(rule));
}

uint64_t px_compare_id(const struct px_mirror *mirror)
{
    json_t *object = json_object();
    return hash_json(checked(object, object && px_put_compare(object, mirror)));
}
