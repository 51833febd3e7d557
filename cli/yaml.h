/*
 * yaml: JSON written as YAML, block style.
 *
 * Not for reading YAML (proxy/config). Shapes: strings that another type or syntax could be read
 * from are quoted as JSON quotes them, which YAML 1.2 takes. Errors: out of memory ends the process
 * (text.h). Threads: any.
 */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <jansson.h>
#include <stdio.h>

void cli_print_yaml(const json_t *json, FILE *out);

#endif
