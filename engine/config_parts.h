/*
 * config_parts: what the files that read engine.yaml share.
 *
 * Private to the reading of engine.yaml; everybody else includes config.h. Shapes, errors,
 * ownership, threads: as proxy/config/parse.h, whose tree, tables and messages these use.
 */
#ifndef EN_CONFIG_PARTS_H
#define EN_CONFIG_PARTS_H

#include "engine/config.h"
#include "proxy/config/parse.h"

px_key_fn en_key_builds, en_key_versions, en_key_hooks, en_key_url_path;

/* A list of 1 to EN_WORDS_MAX texts into a NULL-terminated one. */
bool en_parse_command(struct px_parser *parser, const struct px_node *node, char ***target);

/* What no key can check alone. */
void en_config_check(struct px_parser *parser, const struct px_node *top,
                     const struct en_config *config);

#endif
