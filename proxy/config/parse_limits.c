#include "proxy/config/parse.h"
#include "proxy/config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define SECOND 1000ull
#define HOUR (3600 * SECOND)

/* Slices of a head are 16 bits wide: request line and header section together must fit. */
#define HEAD_TOGETHER_MAX 65000u

void px_limits_default(struct px_limits *limits)
{
    *limits = (struct px_limits){
        .http = tn_http_limits_default,
        .client_head_ms = 10 * SECOND,
        .body_floor_bytes_per_s = 500,
        .body_grace_ms = 5 * SECOND,
        .response_floor_bytes_per_s = 500,
        .response_grace_ms = 60 * SECOND,
        .keep_alive_idle_ms = 60 * SECOND,
        .upstream_idle_ms = 4 * SECOND,
        .upstream_idle_count = 32,
        .upstream_requests = 10000,
        .side_buffer_bytes = 64 * KIB,
        .interim_responses = 8,
        .queue_length = 128,
        .queue_ms = SECOND,
        .memory_bytes = PX_MEMORY_AUTO,
        .connections = 0,
        .ejection_failures = 5,
        .ejection_ms = 10 * SECOND,
        .ejection_max_ms = 300 * SECOND,
        .mirror_in_flight = 256,
        .mirror_buffer_bytes = 64 * KIB,
        .compare_body_bytes = 64 * KIB,
        .mirror_memory_bytes = 16 * MIB,
        .mirror_connect_ms = SECOND,
        .mirror_total_ms = 10 * SECOND,
        .stop_delay_ms = 0,
        .stop_grace_ms = 25 * SECOND,
    };
}

#define AT(member) offsetof(struct px_limits, member)

static void key_memory(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *target)
{
    uint64_t *bytes = (uint64_t *)(void *)((char *)target + key->offset);

    if (node->kind == PX_NODE_SCALAR && tn_str_equal(node->text, TN_STR("auto")))
        *bytes = PX_MEMORY_AUTO;
    else if (node->kind == PX_NODE_SCALAR && tn_str_equal(node->text, TN_STR("off")))
        *bytes = PX_NO_LIMIT;
    else
        px_parse_size(parser, node, key->min, key->max, bytes);
}

static const struct px_key limit_keys[] = {
    {"request_line", px_key_bytes32, AT(http.request_line_bytes), 256, 31 * KIB},
    {"head", px_key_bytes32, AT(http.head_bytes), 1 * KIB, 60000},
    {"fields", px_key_u32, AT(http.field_count), 8, TN_HTTP_FIELDS_MAX},
    {"trailers", px_key_bytes32, AT(http.trailer_bytes), 0, 60000},
    {"chunk_extra", px_key_bytes32, AT(http.chunk_extra_bytes), 0, 64 * KIB},
    {"head_timeout", px_key_ms, AT(client_head_ms), 100, HOUR},
    {"body_floor", px_key_bytes, AT(body_floor_bytes_per_s), 0, 1024 * MIB},
    {"body_grace", px_key_ms, AT(body_grace_ms), 0, HOUR},
    {"response_floor", px_key_bytes, AT(response_floor_bytes_per_s), 0, 1024 * MIB},
    {"response_grace", px_key_ms, AT(response_grace_ms), 100, HOUR},
    {"keep_alive", px_key_ms, AT(keep_alive_idle_ms), 1 * SECOND, 24 * HOUR},
    {"upstream_idle", px_key_ms, AT(upstream_idle_ms), 100, HOUR},
    {"upstream_idle_connections", px_key_u32, AT(upstream_idle_count), 0, 10000},
    {"upstream_requests", px_key_u32, AT(upstream_requests), 1, 1000000000},
    {"side_buffer", px_key_bytes32, AT(side_buffer_bytes), 4 * KIB, 16 * MIB},
    {"interim_responses", px_key_u32, AT(interim_responses), 0, 100},
    {"queue", px_key_u32, AT(queue_length), 0, 100000},
    {"queue_timeout", px_key_ms, AT(queue_ms), 0, HOUR},
    {"memory", key_memory, AT(memory_bytes), 64 * MIB, MIB *MIB},
    {"connections", px_key_u32, AT(connections), 0, 10000000},
    {"ejection_failures", px_key_u32, AT(ejection_failures), 0, 1000000},
    {"ejection_time", px_key_ms, AT(ejection_ms), 100, HOUR},
    {"ejection_max_time", px_key_ms, AT(ejection_max_ms), 100, 24 * HOUR},
    {"mirror_in_flight", px_key_u32, AT(mirror_in_flight), 0, 100000},
    {"mirror_buffer", px_key_bytes32, AT(mirror_buffer_bytes), 4 * KIB, 16 * MIB},
    {"compare_body", px_key_bytes32, AT(compare_body_bytes), 1 * KIB, 1 * MIB},
    {"mirror_memory", px_key_bytes, AT(mirror_memory_bytes), 0, MIB *MIB},
    {"mirror_connect", px_key_ms, AT(mirror_connect_ms), 1, HOUR},
    {"mirror_total", px_key_ms, AT(mirror_total_ms), 1, HOUR},
    {"stop_delay", px_key_ms, AT(stop_delay_ms), 0, HOUR},
    {"stop_grace", px_key_ms, AT(stop_grace_ms), 0, HOUR},
};

const char *px_limit_text(const struct px_limits *limits, size_t i, char *text)
{
    const struct px_key *key = &limit_keys[i];
    const char *place = (const char *)limits;
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (i >= sizeof(limit_keys) / sizeof(limit_keys[0]))
        return NULL;
    place += key->offset;
    if (key->parse == px_key_u32 || key->parse == px_key_bytes32) {
        memcpy(&narrow, place, sizeof(narrow));
        wide = narrow;
    } else {
        memcpy(&wide, place, sizeof(wide));
    }
    if (key->parse == key_memory && (wide == PX_MEMORY_AUTO || wide == PX_NO_LIMIT))
        snprintf(text, PX_LIMIT_TEXT_SIZE, "%s", wide == PX_NO_LIMIT ? "off" : "auto");
    else if (key->parse == px_key_u32)
        snprintf(text, PX_LIMIT_TEXT_SIZE, "%" PRIu32, narrow);
    else if (key->parse == px_key_ms)
        px_units_write_duration(wide, text);
    else
        px_units_write_size(wide, text);
    return key->name;
}

/* The one of the two keys that is written, the first if both are. */
static const struct px_node *find_either(const struct px_node *map, const char *a, const char *b)
{
    const struct px_node *found = px_node_find(map, a);
    found = found ? found : px_node_find(map, b);
    return found ? found->key : map;
}

struct named_ms {
    const char *key;
    uint64_t ms;
};

static void check_order(struct px_parser *parser, const struct px_node *map,
                        struct named_ms shorter, struct named_ms longer)
{
    char low[PX_UNITS_TEXT_SIZE];
    char high[PX_UNITS_TEXT_SIZE];
    if (shorter.ms > longer.ms) {
        px_error(parser, find_either(map, shorter.key, longer.key),
                 "limits: %s (%s) must not be longer than %s (%s)", shorter.key,
                 px_units_write_duration(shorter.ms, low), longer.key,
                 px_units_write_duration(longer.ms, high));
    }
}

void px_parse_limits(struct px_parser *parser, const struct px_node *node, struct px_limits *limits)
{
    if (!px_parse_map(parser, node, "limits", limit_keys,
                      sizeof(limit_keys) / sizeof(limit_keys[0]), limits)) {
        return;
    }
    if (limits->http.request_line_bytes + limits->http.head_bytes > HEAD_TOGETHER_MAX) {
        px_error(parser, find_either(node, "head", "request_line"),
                 "limits: request_line and head together are %u bytes, at most %u are allowed",
                 limits->http.request_line_bytes + limits->http.head_bytes, HEAD_TOGETHER_MAX);
    }
    check_order(parser, node, (struct named_ms){"mirror_connect", limits->mirror_connect_ms},
                (struct named_ms){"mirror_total", limits->mirror_total_ms});
    check_order(parser, node, (struct named_ms){"ejection_time", limits->ejection_ms},
                (struct named_ms){"ejection_max_time", limits->ejection_max_ms});
}
