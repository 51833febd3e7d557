#include "cli/query.h"

#include "cli/text.h"

#include <stdlib.h>

void cli_query_start(struct cli_query *query, const char *path)
{
    *query = (struct cli_query){0};
    query->stream = cli_need(open_memstream(&query->text, &query->len));
    fputs(path, query->stream);
}

void cli_query_add(struct cli_query *query, const char *name, const char *value)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    fprintf(query->stream, "%c%s=", query->count++ == 0 ? '?' : '&', name);
    for (const char *c = value; *c; c++) {
        if (strchr(unreserved, *c))
            fputc(*c, query->stream);
        else
            fprintf(query->stream, "%%%02X", (unsigned char)*c);
    }
}

const char *cli_query_end(struct cli_query *query)
{
    int r = fclose(query->stream);

    query->stream = NULL;
    return cli_need(r == 0 ? query->text : NULL);
}

void cli_query_free(struct cli_query *query)
{
    if (query->stream)
        fclose(query->stream);
    free(query->text);
    *query = (struct cli_query){0};
}
