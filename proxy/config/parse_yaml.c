#include "proxy/config/parse.h"

#include <assert.h>
#include <yaml.h>

/*
 * From libyaml's events and not its document tree: events still know anchors, tags and duplicate
 * keys, which are refused here, and nesting can be cut before it costs anything.
 */

struct builder {
    struct px_parser *parser;
    struct tn_str text;
    struct px_node *stack[PX_DEPTH_MAX];
    struct px_node *pending_key[PX_DEPTH_MAX];
    uint32_t depth;
    uint32_t node_count;
    uint32_t document_count;
    struct px_node *top;
    bool is_over;  /* the tree can't be completed */
    bool is_holey; /* completed, but a value is missing: not worth checking */
};

static void fail(struct builder *builder, const yaml_mark_t *mark, const char *text)
{
    px_error_at(builder->parser, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, "%s", text);
    builder->is_over = true;
}

static uint32_t count_characters(struct tn_str text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

static struct px_node *new_node(struct builder *builder, const yaml_event_t *event,
                                enum px_node_kind kind)
{
    if (++builder->node_count > PX_NODES_MAX) {
        fail(builder, &event->start_mark, "too many values in one file (more than 65,536)");
        return NULL;
    }
    struct px_node *node = px_parser_arena(builder->parser, sizeof(*node));
    if (!node) {
        builder->is_over = true;
        return NULL;
    }
    node->kind = kind;
    node->line = (uint32_t)event->start_mark.line + 1;
    node->column = (uint32_t)event->start_mark.column + 1;
    return node;
}

/* Hangs a node below the open list or map, or makes it the next key. */
static void attach(struct builder *builder, struct px_node *node)
{
    if (builder->depth == 0) {
        builder->top = node;
        return;
    }
    struct px_node *parent = builder->stack[builder->depth - 1];
    assert(parent);
    struct px_node **key = &builder->pending_key[builder->depth - 1];
    if (parent->kind == PX_NODE_MAP && !*key) {
        *key = node;
        return;
    }
    node->key = parent->kind == PX_NODE_MAP ? *key : parent->key;
    *key = NULL;
    if (parent->last) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
}

static void on_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct px_node *node = new_node(builder, event, PX_NODE_SCALAR);
    if (!node) {
        return;
    }
    size_t len = event->data.scalar.length;
    char *copy = px_parser_arena(builder->parser, len + 1);
    if (!copy) {
        builder->is_over = true;
        return;
    }
    memcpy(copy, event->data.scalar.value, len);
    node->text = (struct tn_str){copy, len};
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t width = event->end_mark.index - event->start_mark.index;
    uint32_t quotes = node->is_plain ? 0 : 2;
    if (event->start_mark.line == event->end_mark.line &&
        width == count_characters(node->text) + quotes) {
        node->text_column = node->column + quotes / 2;
    }
    if (!node->is_plain && event->start_mark.line != event->end_mark.line &&
        (event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ||
         event->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE)) {
        px_error(builder->parser, node,
                 "a quote must be closed on its line; this one goes on to line %u",
                 (uint32_t)event->end_mark.line + 1);
        builder->is_over = true; /* what follows is most likely text inside out */
        return;
    }
    if (!px_is_printable(node->text)) {
        px_error(builder->parser, node,
                 "control characters and line breaks are not allowed in text%s",
                 event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE
                     ? " (in double quotes '\\' starts an escape; single quotes have none)"
                     : "");
        builder->is_holey = true;
    }
    attach(builder, node);
}

static void on_open(struct builder *builder, const yaml_event_t *event, enum px_node_kind kind)
{
    if (builder->depth == PX_DEPTH_MAX) {
        fail(builder, &event->start_mark, "lists and maps are nested too deeply (more than 16)");
        return;
    }
    const struct px_node *parent = builder->depth > 0 ? builder->stack[builder->depth - 1] : NULL;
    if (parent && parent->kind == PX_NODE_MAP && !builder->pending_key[builder->depth - 1]) {
        fail(builder, &event->start_mark,
             "a list or a map can't be a key; text that starts with '[' or '{' must be quoted");
        return;
    }
    struct px_node *node = new_node(builder, event, kind);
    if (node) {
        attach(builder, node);
        builder->pending_key[builder->depth] = NULL;
        builder->stack[builder->depth++] = node;
    }
}

static void refuse_properties(struct builder *builder, const yaml_event_t *event,
                              const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) {
        px_error_at(builder->parser, (uint32_t)event->start_mark.line + 1,
                    (uint32_t)event->start_mark.column + 1,
                    "YAML anchors (&%.40s) are not supported: write the value where it is used",
                    (const char *)anchor);
    }
    if (tag) {
        static const char standard[] = "tag:yaml.org,2002:";
        const char *text = (const char *)tag;
        bool is_standard = strncmp(text, standard, sizeof(standard) - 1) == 0;
        px_error_at(builder->parser, (uint32_t)event->start_mark.line + 1,
                    (uint32_t)event->start_mark.column + 1,
                    "YAML tags (%s%.40s) are not supported: write the value alone",
                    is_standard ? "!!" : "", is_standard ? text + sizeof(standard) - 1 : text);
    }
}

static void on_document(struct builder *builder, const yaml_event_t *event)
{
    if (++builder->document_count > 1) {
        fail(builder, &event->start_mark,
             "a second YAML document starts here: one file holds one configuration");
    } else if (event->data.document_start.tag_directives.start !=
               event->data.document_start.tag_directives.end) {
        fail(builder, &event->start_mark, "%TAG is not supported");
    }
}

static void on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        on_document(builder, event);
        break;
    case YAML_ALIAS_EVENT:
        px_error_at(builder->parser, (uint32_t)event->start_mark.line + 1,
                    (uint32_t)event->start_mark.column + 1,
                    "YAML aliases (*%.40s) are not supported: write the value out",
                    (const char *)event->data.alias.anchor);
        builder->is_over = true;
        break;
    case YAML_SCALAR_EVENT:
        refuse_properties(builder, event, event->data.scalar.anchor, event->data.scalar.tag);
        on_scalar(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(builder, event, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag);
        on_open(builder, event, PX_NODE_LIST);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_properties(builder, event, event->data.mapping_start.anchor,
                          event->data.mapping_start.tag);
        on_open(builder, event, PX_NODE_MAP);
        break;
    case YAML_MAPPING_END_EVENT:
        px_refuse_duplicates(builder->parser, builder->stack[builder->depth - 1]);
        builder->depth--;
        break;
    case YAML_SEQUENCE_END_EVENT:
        builder->depth--;
        break;
    default:
        break;
    }
}

/* What people do wrong most, in words of what they see; everything else in the library's words. */
static const char *explain_problem(const struct builder *builder, const yaml_parser_t *yaml)
{
    static const char *const problems[][2] = {
        {"did not find expected key",
         "this does not continue what is above it: look at the indentation and the quotes"},
        {"mapping values are not allowed in this context",
         "':' is not allowed here: look at the indentation, for a ':' missing above, or quote the "
         "value"},
        {"could not find expected ':'", "expected ':' and a value after the key"},
        {"did not find expected ',' or ']'", "expected ',' or ']'"},
        {"did not find expected ',' or '}'", "expected ',' or '}'"},
        {"did not find expected '-' indicator", "expected '- ' and the next item of the list"},
        {"did not find expected node content",
         "expected a value: one is missing, or a list or map is not closed"},
        {"did not find expected <document start>", "this is outside of everything above it"},
        {"found unexpected end of stream", "the quote that starts here is never closed"},
    };
    size_t offset = yaml->problem_mark.index; /* in characters: exact for ASCII before it */
    bool is_tab = offset < builder->text.len && builder->text.ptr[offset] == '\t';
    if (strcmp(yaml->problem, "found character that cannot start any token") == 0) {
        return is_tab ? "a tab is not allowed here: indent with spaces"
                      : "a value that starts with this character must be quoted";
    }
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        if (strcmp(yaml->problem, problems[i][0]) == 0) {
            return problems[i][1];
        }
    }
    return yaml->problem;
}

static void on_reader_error(struct builder *builder, const yaml_parser_t *yaml)
{
    uint32_t line = 1;
    uint32_t column = 1;
    for (size_t i = 0; i < yaml->problem_offset && i < builder->text.len; i++) {
        unsigned char byte = (unsigned char)builder->text.ptr[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xc0) != 0x80) {
            column++;
        }
    }
    px_error_at(builder->parser, line, column, "not a text in UTF-8: %s", yaml->problem);
}

static void on_syntax_error(struct builder *builder, const yaml_parser_t *yaml)
{
    if (yaml->error == YAML_MEMORY_ERROR) {
        builder->parser->out_of_memory = true;
        return;
    }
    if (yaml->error == YAML_READER_ERROR) {
        on_reader_error(builder, yaml);
        return;
    }
    const yaml_mark_t *mark = &yaml->problem_mark;
    struct px_text text = {0};
    px_text_add(&text, "not valid YAML: %s", explain_problem(builder, yaml));
    bool is_list = yaml->context && strstr(yaml->context, "sequence");
    bool is_map = yaml->context && strstr(yaml->context, "mapping");
    if (strcmp(yaml->problem, "found unexpected end of stream") == 0) {
        mark = &yaml->context_mark;
    } else if ((is_list || is_map) && yaml->context_mark.line != mark->line) {
        px_text_add(&text, " (the %s starts on line %u)", is_list ? "list" : "map",
                    (uint32_t)yaml->context_mark.line + 1);
    }
    px_error_at(builder->parser, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, "%s",
                text.bytes);
}

static void run(struct builder *builder, yaml_parser_t *yaml)
{
    bool is_end = false;
    while (!is_end && !builder->is_over) {
        yaml_event_t event;
        if (!yaml_parser_parse(yaml, &event)) {
            on_syntax_error(builder, yaml);
            builder->is_over = true;
            return;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        on_event(builder, &event);
        yaml_event_delete(&event);
    }
}

struct px_node *px_parse_yaml(struct px_parser *parser, struct tn_str text)
{
    if (text.len > PX_FILE_BYTES_MAX) {
        px_error_at(parser, 0, 0, "larger than 1 MiB: that is no configuration");
        return NULL;
    }
    if (tn_str_has_prefix(text, TN_STR("\xef\xbb\xbf"))) {
        text.ptr += 3;
        text.len -= 3;
    }
    struct builder builder = {.parser = parser, .text = text};
    yaml_parser_t yaml;
    if (!yaml_parser_initialize(&yaml)) {
        parser->out_of_memory = true;
        return NULL;
    }
    /* Told, so that it doesn't guess UTF-16 from the first bytes. */
    yaml_parser_set_encoding(&yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml, (const unsigned char *)text.ptr, text.len);
    run(&builder, &yaml);
    yaml_parser_delete(&yaml);
    if (builder.is_over || builder.is_holey || parser->out_of_memory) {
        return NULL;
    }
    if (!builder.top) {
        px_error_at(parser, 0, 0, "there is nothing in it");
    }
    return builder.top;
}
