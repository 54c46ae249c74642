package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.evaluate.TaskDocument.Choice;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What is asked of each row of a task. The texts are those of lm-evaluation-harness, which must not
 * change by a character: scores of other programs are compared with ours.
 */
final class Prompts {
  /** As in Python, a dot matches all but a line feed. */
  private static final Pattern BRACKETS = Pattern.compile("\\[.*?\\]", Pattern.UNIX_LINES);

  private static final List<String> NO_YES = List.of("no", "yes");
  private static final List<String> TRUE_FALSE = List.of("True", "False");

  private Prompts() {}

  /** BoolQ; the answers in the harness's order, so that of two equal scores "no" wins. */
  static TaskDocument boolq(TaskRow row) {
    String context =
        "%s\nQuestion: %s?\nAnswer:".formatted(row.text("passage"), row.text("question"));
    return row.document(
        after(context, NO_YES), row.label(row.has("label") ? "label" : "answer", NO_YES.size()));
  }

  /** RTE, with the column names of GLUE or those of SuperGLUE. */
  static TaskDocument rte(TaskRow row) {
    boolean glue = row.has("sentence1");
    String premise = row.text(glue ? "sentence1" : "premise");
    String hypothesis = row.text(glue ? "sentence2" : "hypothesis");
    String context = "%s\nQuestion: %s True or False?\nAnswer:".formatted(premise, hypothesis);
    return row.document(after(context, TRUE_FALSE), entailment(row));
  }

  private static int entailment(TaskRow row) {
    JsonNode label = row.get("label");
    if (label.isTextual() && label.textValue().equals("entailment")) {
      return 0;
    }
    if (label.isTextual() && label.textValue().equals("not_entailment")) {
      return 1;
    }
    return row.label("label", TRUE_FALSE.size());
  }

  static TaskDocument hellaswag(TaskRow row) {
    String context =
        withoutMarkup(
            "%s: %s %s"
                .formatted(
                    row.text("activity_label"),
                    row.text("ctx_a"),
                    PythonText.capitalize(row.text("ctx_b"))));
    List<String> endings =
        row.texts("endings", row.get("endings")).stream().map(Prompts::withoutMarkup).toList();
    return row.document(after(context, endings), row.label("label", endings.size()));
  }

  /** Removes what is left of WikiHow's markup. */
  private static String withoutMarkup(String text) {
    String titles = PythonText.strip(text).replace(" [title]", ". ");
    return BRACKETS.matcher(titles).replaceAll("").replace("  ", " ");
  }

  /** WinoGrande: the same end of a sentence, scored after each of two beginnings. */
  static TaskDocument winogrande(TaskRow row) {
    String sentence = row.text("sentence");
    int blank = sentence.indexOf('_');
    if (blank < 0) {
      throw row.place().wrong("a sentence with a _", "none");
    }
    String head = sentence.substring(0, blank);
    String tail = PythonText.strip(sentence.substring(blank + 1));
    List<Choice> choices =
        List.of(
            Choice.after(head + row.text("option1"), tail),
            Choice.after(head + row.text("option2"), tail));
    return row.document(choices, row.label("answer", 1, choices.size()));
  }

  static TaskDocument arc(TaskRow row) {
    String question = row.content().path("question").isObject() ? stem(row) : row.text("question");
    return multipleChoice(row, "Question: %s\nAnswer:".formatted(question));
  }

  static TaskDocument openbookqa(TaskRow row) {
    return multipleChoice(row, row.has("question_stem") ? row.text("question_stem") : stem(row));
  }

  /** Returns a question as the original files of ARC and OpenBookQA have it. */
  private static String stem(TaskRow row) {
    return row.text("question.stem", row.get("question").path("stem"));
  }

  /** Choices as an object of two lists, or, in the original files, as a list of objects. */
  private static TaskDocument multipleChoice(TaskRow row, String context) {
    boolean original = row.content().path("question").isObject();
    JsonNode choices = original ? row.get("question").path("choices") : row.get("choices");
    List<String> texts;
    List<String> labels;
    if (choices.isArray()) {
      texts = row.texts("choices", choices, "text");
      labels = row.texts("choices", choices, "label");
    } else {
      texts = row.texts("choices.text", choices.path("text"));
      labels = row.texts("choices.label", choices.path("label"));
    }
    return row.document(after(context, texts), gold(row, labels, texts.size()));
  }

  /** Some questions number their answers where others give them letters. */
  private static int gold(TaskRow row, List<String> labels, int choices) {
    String key = PythonText.stripLeading(row.text("answerKey"));
    int gold = labels.indexOf(key);
    if (gold < 0 && key.matches("[1-5]")) {
      gold = labels.indexOf(Character.toString('A' + key.charAt(0) - '1'));
    }
    if (gold < 0 || gold >= choices) {
      throw row.wrong("answerKey", "one of " + labels, row.get("answerKey"));
    }
    return gold;
  }

  static TaskDocument piqa(TaskRow row) {
    String context = "Question: %s\nAnswer:".formatted(row.text("goal"));
    List<String> solutions = List.of(row.text("sol1"), row.text("sol2"));
    return row.document(after(context, solutions), row.label("label", solutions.size()));
  }

  private static List<Choice> after(String context, List<String> answers) {
    return answers.stream().map(answer -> Choice.after(context, answer)).toList();
  }
}
