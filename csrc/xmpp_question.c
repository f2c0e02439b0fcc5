/* XMPP question: see xmpp_question.h. */
#include "xmpp_question.h"

#include "clock.h"
#include "mem.h"
#include "xmpp_jid.h"

#include <string.h>
#include <strings.h>

struct tm_question {
    tm_question *next;
    char *id, *to; /* owned; `to` NULL: the own account */
    uint64_t deadline;
    tm_question_answer answer;
    void *argument;
};

static void free_question(tm_question *question)
{
    tm_free(question->id);
    tm_free(question->to);
    tm_free(question);
}

tm_question *tm_question_add(tm_questions *questions, const char *id, const char *to, uint64_t deadline,
                             tm_question_answer answer, void *argument)
{
    tm_question *question = tm_calloc(1, sizeof *question);
    if (!question) return NULL;
    question->id = tm_strdup(id);
    question->to = tm_strdup(to);
    if (!question->id || (to && !question->to)) {
        free_question(question);
        return NULL;
    }
    question->deadline = deadline;
    question->answer = answer;
    question->argument = argument;
    question->next = questions->first;
    questions->first = question;
    return question;
}

/* It is gone before its owner hears, who may ask again. */
static void end_question(tm_questions *questions, tm_question *question, xmpp_stanza_t *answer)
{
    for (tm_question **at = &questions->first; *at; at = &(*at)->next)
        if (*at == question) {
            *at = question->next;
            break;
        }
    tm_question_answer tell = question->answer;
    void *argument = question->argument;
    free_question(question);
    tell(questions->owner, argument, answer);
}

void tm_question_give_up(tm_questions *questions, tm_question *question)
{
    end_question(questions, question, NULL);
}

void tm_questions_give_up(tm_questions *questions)
{
    tm_question *list = questions->first;
    questions->first = NULL;
    while (list) {
        tm_question *question = list;
        list = question->next;
        end_question(questions, question, NULL);
    }
}

bool tm_questions_expire(tm_questions *questions)
{
    uint64_t now = tm_clock_ms();
    bool any = false;
    for (tm_question *question = questions->first; question;) {
        if (question->deadline > now) {
            question = question->next;
            continue;
        }
        any = true;
        end_question(questions, question, NULL);
        question = questions->first; /* its owner may have asked again */
    }
    return any;
}

static tm_question *find(const tm_questions *questions, xmpp_stanza_t *iq, const char *own)
{
    const char *id = xmpp_stanza_get_id(iq), *from = xmpp_stanza_get_from(iq);
    for (tm_question *question = questions->first; id && question; question = question->next) {
        if (strcmp(question->id, id) != 0) continue;
        /* the own account answers without a name, or with its own, with a resource or without */
        bool is_own = !from || tm_jid_same_bare(from, own);
        if (question->to ? from && strcasecmp(from, question->to) == 0 : is_own) return question;
    }
    return NULL;
}

bool tm_questions_answer(tm_questions *questions, xmpp_stanza_t *iq, const char *own)
{
    tm_question *question = find(questions, iq, own);
    if (question) end_question(questions, question, iq);
    return question != NULL;
}

uint64_t tm_questions_deadline(const tm_questions *questions)
{
    uint64_t first = 0;
    for (const tm_question *question = questions->first; question; question = question->next)
        if (!first || question->deadline < first) first = question->deadline;
    return first;
}
