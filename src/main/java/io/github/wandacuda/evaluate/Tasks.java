package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.TaskDocument.Choice;
import io.github.wandacuda.io.InputFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads tasks by their names: the tasks of pruning papers from their datasets' files, others from
 * files of written-out requests.
 */
public final class Tasks {
  /** By this ending a name is that of a file of requests. */
  private static final String ENDING = ".jsonl";

  private Tasks() {}

  /** Returns the names of the tasks that are known, in the order in which help lists them. */
  public static List<String> names() {
    return Stream.concat(
            Arrays.stream(BuiltInTask.values()).map(BuiltInTask::taskName), Stream.of(Mmlu.NAME))
        .toList();
  }

  /**
   * Checks a list of tasks before files are read.
   *
   * @param list names of tasks and paths of {@code .jsonl} files, between commas
   * @param data whether a folder of the tasks' files is given
   * @return the names and paths, in their order
   * @throws UsageException if a name isn't known, occurs twice or needs a folder
   * @throws InputException if a file is there and can't be read
   */
  public static List<String> parse(String list, boolean data) {
    Set<String> names = new LinkedHashSet<>();
    for (String part : list.split(",", -1)) {
      String name = part.strip();
      boolean file = isFile(name);
      if (!file && !names().contains(name)) {
        throw ErrorDetails.of("`tasks`")
            .refused(
                "%s or files that end in .jsonl".formatted(String.join(", ", names())),
                "'%s'".formatted(Printable.of(name)));
      }
      if (!file && !data) {
        throw new UsageException(
            "task %s needs `data` DIR, the folder of its files".formatted(name));
      }
      if (!names.add(name)) {
        throw new UsageException("`tasks`: %s is named twice".formatted(Printable.of(name)));
      }
      if (file && Files.exists(Path.of(name))) {
        InputFile.require(Path.of(name));
      }
    }
    return List.copyOf(names);
  }

  /**
   * Reads tasks.
   *
   * @param names what {@link #parse} has returned
   * @param data the folder of the tasks' files, or null if all are files
   * @param limit how many documents of each task are taken, of each subject in MMLU: the first ones
   * @return a task for each name, in their order
   * @throws InputException if a file is missing, can't be read or is broken
   * @throws UsageException if two tasks have the same name
   */
  public static List<Task> read(List<String> names, Path data, long limit) {
    TaskFiles files = names.stream().allMatch(Tasks::isFile) ? null : TaskFiles.below(data);
    List<Task> tasks = new ArrayList<>();
    for (String name : names) {
      Task task = isFile(name) ? read(Path.of(name), limit) : read(name, files, limit);
      if (tasks.stream().anyMatch(other -> other.name().equals(task.name()))) {
        throw new UsageException("`tasks`: two are called %s".formatted(Printable.of(task.name())));
      }
      tasks.add(task);
    }
    return tasks;
  }

  private static Task read(String name, TaskFiles files, long limit) {
    Optional<BuiltInTask> known =
        Arrays.stream(BuiltInTask.values())
            .filter(task -> task.taskName().equals(name))
            .findFirst();
    if (known.isEmpty()) {
      return new Mmlu(files).task(limit);
    }
    BuiltInTask task = known.get();
    List<Path> found = files.of(name, task.usual);
    List<TaskRow> rows = new ArrayList<>();
    for (Path file : found) {
      if (rows.size() < limit) {
        rows.addAll(TaskRow.read(file, limit - rows.size()));
      }
    }
    if (rows.isEmpty()) {
      throw ErrorDetails.file(found.getFirst()).wrong("rows", "none");
    }
    return new Task(name, task.normalized, rows.stream().map(task.prompt).toList(), found, null);
  }

  private static boolean isFile(String name) {
    return name.endsWith(ENDING);
  }

  /**
   * Reads a task whose requests are written out: on each line {@code {"context": "…",
   * "continuations": ["…", "…"], "gold": 0}}, where a list as context has an entry for each
   * continuation. Its name is the file's without the ending.
   *
   * @param limit how many lines are taken
   * @throws InputException if the file can't be read, is broken or holds no document
   */
  static Task read(Path file, long limit) {
    List<TaskDocument> documents = TaskRow.read(file, limit).stream().map(Tasks::document).toList();
    if (documents.isEmpty()) {
      throw ErrorDetails.file(file).wrong("a document on each line", "none");
    }
    String name = file.getFileName().toString();
    return new Task(
        name.substring(0, name.length() - ENDING.length()), true, documents, List.of(file), null);
  }

  private static TaskDocument document(TaskRow row) {
    List<String> continuations = row.texts("continuations", row.get("continuations"));
    List<String> contexts = contexts(row, continuations.size());
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < continuations.size(); i++) {
      choices.add(new Choice(contexts.get(i), continuations.get(i), length(continuations.get(i))));
    }
    if (!row.get("gold").isIntegralNumber()) {
      throw row.wrong("gold", "a whole number", row.get("gold"));
    }
    return row.document(choices, row.label("gold", choices.size()));
  }

  private static List<String> contexts(TaskRow row, int continuations) {
    JsonNode context = row.get("context");
    if (!context.isArray()) {
      return Collections.nCopies(continuations, row.text("context"));
    }
    List<String> contexts = row.texts("context", context);
    if (contexts.size() != continuations) {
      throw row.place()
          .wrong("as many contexts as continuations, %d".formatted(continuations), contexts.size());
    }
    return contexts;
  }

  /** The space before an answer doesn't count, as it doesn't in the other tasks. */
  private static int length(String continuation) {
    boolean space = continuation.length() > 1 && continuation.startsWith(" ");
    return PythonText.length(continuation) - (space ? 1 : 0);
  }

  /** The tasks of pruning papers but MMLU, whose questions have others before them. */
  private enum BuiltInTask {
    BOOLQ(false, "google/boolq", "validation", "boolq", "", "dev.jsonl val.jsonl", Prompts::boolq),
    RTE(
        false,
        "nyu-mll/glue, folder rte",
        "validation",
        "rte",
        "",
        "val.jsonl dev.jsonl",
        Prompts::rte),
    HELLASWAG(
        true,
        "Rowan/hellaswag",
        "validation",
        "hellaswag",
        "",
        "hellaswag_val.jsonl val.jsonl",
        Prompts::hellaswag),
    WINOGRANDE(
        false,
        "allenai/winogrande, folder winogrande_xl",
        "validation",
        "winogrande_xl winogrande_1.1 winogrande",
        "winogrande_xs winogrande_s winogrande_m winogrande_l winogrande_debiased",
        "dev.jsonl val.jsonl",
        Prompts::winogrande),
    ARC_EASY(
        true,
        "allenai/ai2_arc, folder ARC-Easy",
        "test",
        "arc-easy arc_easy",
        "",
        "arc-easy-test.jsonl test.jsonl",
        Prompts::arc),
    ARC_CHALLENGE(
        true,
        "allenai/ai2_arc, folder ARC-Challenge",
        "test",
        "arc-challenge arc_challenge",
        "",
        "arc-challenge-test.jsonl test.jsonl",
        Prompts::arc),
    OPENBOOKQA(
        true,
        "allenai/openbookqa, folder main",
        "test",
        "openbookqa openbookqa-v1-sep2018 obqa",
        "additional",
        "test.jsonl",
        Prompts::openbookqa),
    PIQA(
        true,
        "baber/piqa",
        "validation",
        "piqa",
        "",
        "valid.jsonl val.jsonl dev.jsonl",
        Prompts::piqa);

    private final boolean normalized;
    private final TaskFiles.Usual usual;
    private final Function<TaskRow, TaskDocument> prompt;

    /** Takes lists of names as words; see {@link TaskFiles.Usual}. */
    BuiltInTask(
        boolean normalized,
        String origin,
        String split,
        String folders,
        String without,
        String lines,
        Function<TaskRow, TaskDocument> prompt) {
      this.normalized = normalized;
      usual = new TaskFiles.Usual(origin, split, words(folders), words(without), words(lines));
      this.prompt = prompt;
    }

    private static List<String> words(String text) {
      return text.isEmpty() ? List.of() : List.of(text.split(" "));
    }

    String taskName() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * What is asked of each row of a task. The texts are those of lm-evaluation-harness, which must
   * not change by a character: scores of other programs are compared with ours.
   */
  private static final class Prompts {
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

    /** HellaSwag, with the activity in front of the sentence that is to be ended. */
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

    /** ARC, the easy and the hard questions. */
    static TaskDocument arc(TaskRow row) {
      return multipleChoice(row, "Question: %s\nAnswer:".formatted(row.text("question")));
    }

    /** OpenBookQA: the bare question, without a word before it. */
    static TaskDocument openbookqa(TaskRow row) {
      return multipleChoice(row, row.text("question_stem"));
    }

    private static TaskDocument multipleChoice(TaskRow row, String context) {
      JsonNode choices = row.get("choices");
      List<String> texts = row.texts("choices.text", choices.path("text"));
      List<String> labels = row.texts("choices.label", choices.path("label"));
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

    /** PIQA, with two solutions to a goal. */
    static TaskDocument piqa(TaskRow row) {
      String context = "Question: %s\nAnswer:".formatted(row.text("goal"));
      List<String> solutions = List.of(row.text("sol1"), row.text("sol2"));
      return row.document(after(context, solutions), row.label("label", solutions.size()));
    }

    private static List<Choice> after(String context, List<String> answers) {
      return answers.stream().map(answer -> Choice.after(context, answer)).toList();
    }
  }
}
