#include "proxy/config/config.h"

#include <netinet/in.h>
#include <stdlib.h>

struct px_config *px_config_ref(struct px_config *config)
{
    config->references++;
    return config;
}

void px_rules_free(struct px_rule **rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        px_rule_free(rules[i]);
    }
    free(rules);
}

static void deinit_version(struct px_version *version)
{
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        free(version->endpoints[i].text);
    }
    free(version->endpoints);
    free(version->health.path);
    free(version->build);
    free(version->name);
}

void px_config_free(struct px_config *config)
{
    if (!config || --config->references > 0) {
        return;
    }
    px_rules_free(config->rules, config->rule_count);
    for (uint32_t i = 0; i < config->version_count; i++) {
        deinit_version(&config->versions[i]);
    }
    for (uint32_t i = 0; i < config->listen_count; i++) {
        free(config->listens[i].address.text);
    }
    free(config->versions);
    free(config->listens);
    free(config->trusted);
    free(config->access_log);
    free(config->store_file);
    free(config->metrics.text);
    free(config->user);
    free(config->admin_token_file);
    free(config->admin_group);
    free(config->admin_address.text);
    free(config->admin_path);
    free(config->dir);
    free(config->file);
    free(config);
}

const struct px_version *px_config_find_version(const struct px_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->version_count; i++) {
        if (strcmp(config->versions[i].name, name) == 0) {
            return &config->versions[i];
        }
    }
    return NULL;
}

static bool is_in(const struct px_prefix *prefix, int family, const uint8_t *bytes)
{
    uint32_t whole = prefix->bits / 8u;
    uint32_t rest = prefix->bits % 8u;
    if (prefix->family != family || memcmp(prefix->bytes, bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || (prefix->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

bool px_prefixes_contain(const struct px_prefix *prefixes, uint32_t count,
                         const struct sockaddr *sa)
{
    uint8_t bytes[16] = {0};
    int family = sa->sa_family;
    if (family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        memcpy(bytes, v6, 16);
        if (IN6_IS_ADDR_V4MAPPED(v6)) {
            family = AF_INET;
            memmove(bytes, bytes + 12, 4);
        }
    } else {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_in(&prefixes[i], family, bytes)) {
            return true;
        }
    }
    return false;
}
