#include "proxy/admin/prom.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct px_prom *prom, const char *bytes, size_t len)
{
    if (prom->out_of_memory)
        return;
    if (prom->len + len + 1 > prom->size) {
        size_t size = prom->size ? prom->size * 2 : 16384;
        char *grown;

        while (size < prom->len + len + 1)
            size *= 2;
        grown = realloc(prom->text, size);
        if (!grown) {
            prom->out_of_memory = true;
            return;
        }
        prom->text = grown;
        prom->size = size;
    }
    memcpy(prom->text + prom->len, bytes, len);
    prom->len += len;
    prom->text[prom->len] = '\0';
}

static void put_text(struct px_prom *prom, const char *text)
{
    put(prom, text, strlen(text));
}

static void put_escaped(struct px_prom *prom, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            put(prom, "\\", 1);
        if (*value == '\n')
            put(prom, "\\n", 2);
        else
            put(prom, value, 1);
    }
}

static void put_labels(struct px_prom *prom, const char *const *labels)
{
    const char *open = "{";

    if (!labels[0])
        return;
    for (; labels[0]; labels += 2) {
        put_text(prom, open);
        put_text(prom, labels[0]);
        put_text(prom, "=\"");
        put_escaped(prom, labels[1] ? labels[1] : "");
        put_text(prom, "\"");
        open = ",";
    }
    put_text(prom, "}");
}

static void put_sample(struct px_prom *prom, const char *suffix, const char *const *labels,
                       const char *value)
{
    put_text(prom, prom->family);
    put_text(prom, suffix);
    put_labels(prom, labels);
    put_text(prom, " ");
    put_text(prom, value);
    put_text(prom, "\n");
}

void px_prom_family(struct px_prom *prom, const char *name, const char *type, const char *help)
{
    prom->family = name;
    put_text(prom, "# HELP ");
    put_text(prom, name);
    put_text(prom, " ");
    put_text(prom, help);
    put_text(prom, "\n# TYPE ");
    put_text(prom, name);
    put_text(prom, " ");
    put_text(prom, type);
    put_text(prom, "\n");
}

void px_prom_count(struct px_prom *prom, const char *suffix, const char *const *labels,
                   uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    put_sample(prom, suffix, labels, text);
}

void px_prom_real(struct px_prom *prom, const char *suffix, const char *const *labels, double value)
{
    char text[40];

    snprintf(text, sizeof(text), "%.15g", value);
    put_sample(prom, suffix, labels, text);
}

char *px_prom_finish(struct px_prom *prom)
{
    if (prom->out_of_memory) {
        free(prom->text);
        return NULL;
    }
    return prom->text;
}
