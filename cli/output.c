#include "cli/output.h"

#include "cli/text.h"
#include "cli/yaml.h"

#include <stdlib.h>
#include <string.h>

char *cli_output_check(const char *output)
{
    if (!output || strcmp(output, "table") == 0 || strcmp(output, "json") == 0 ||
        strcmp(output, "yaml") == 0)
        return NULL;
    return cli_format("--output '%s': expected table, json or yaml", output);
}

bool cli_output_print(const struct cli_context *context, const char *output, const json_t *document)
{
    char *text;

    if (!output || strcmp(output, "table") == 0)
        return false;
    if (strcmp(output, "yaml") == 0) {
        cli_print_yaml(document, context->out);
        return true;
    }
    text = cli_need(json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(12)));
    fprintf(context->out, "%s\n", text);
    free(text);
    return true;
}
