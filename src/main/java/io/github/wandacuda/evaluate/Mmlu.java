package io.github.wandacuda.evaluate;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.evaluate.TaskDocument.Choice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * MMLU (Hendrycks et al., arXiv 2009.03300): each question after five others of its subject with
 * their answers, the first ones of the split {@code dev}.
 */
final class Mmlu {
  static final String NAME = "mmlu";

  private static final int SHOTS = 5;
  private static final List<String> LETTERS = List.of("A", "B", "C", "D");
  private static final TaskFiles.Usual TEST =
      new TaskFiles.Usual("cais/mmlu", "test", List.of(NAME), List.of(), List.of("test.jsonl"));

  /** The group that the harness counts each subject to. */
  private static final Map<String, String> GROUPS = new HashMap<>();

  static {
    add(
        "stem",
        """
        abstract_algebra anatomy astronomy college_biology college_chemistry
        college_computer_science college_mathematics college_physics computer_security
        conceptual_physics electrical_engineering elementary_mathematics high_school_biology
        high_school_chemistry high_school_computer_science high_school_mathematics
        high_school_physics high_school_statistics machine_learning
        """);
    add(
        "humanities",
        """
        formal_logic high_school_european_history high_school_us_history
        high_school_world_history international_law jurisprudence logical_fallacies
        moral_disputes moral_scenarios philosophy prehistory professional_law
        world_religions
        """);
    add(
        "social sciences",
        """
        econometrics high_school_geography high_school_government_and_politics
        high_school_macroeconomics high_school_microeconomics high_school_psychology
        human_sexuality professional_psychology public_relations security_studies sociology
        us_foreign_policy
        """);
    add(
        "other",
        """
        business_ethics clinical_knowledge college_medicine global_facts human_aging
        management marketing medical_genetics miscellaneous nutrition
        professional_accounting professional_medicine virology
        """);
  }

  private final TaskFiles files;
  private final List<Path> read = new ArrayList<>();

  Mmlu(TaskFiles files) {
    this.files = files;
  }

  /**
   * Reads the task.
   *
   * @param limit how many documents of each subject are taken: the first ones
   * @throws InputException if files are missing or broken, or a subject has fewer than five
   *     questions in {@code dev}
   */
  Task task(long limit) {
    SortedMap<String, List<TaskRow>> questions = bySubject("test", limit);
    SortedMap<String, List<TaskRow>> examples = bySubject("dev", SHOTS);
    List<TaskDocument> documents = new ArrayList<>();
    questions.forEach(
        (subject, rows) -> {
          String before =
              before(subject, examples.getOrDefault(subject, List.of()), rows.getFirst());
          rows.forEach(row -> documents.add(document(subject, before, row)));
        });
    if (documents.isEmpty()) {
      throw files.missing(NAME, TEST);
    }
    int all = GROUPS.size();
    String warning =
        questions.size() == all
            ? null
            : "%s: %d of %d subjects are there".formatted(NAME, questions.size(), all);
    return new Task(NAME, false, documents, read, warning);
  }

  /** Returns a split's first rows of each subject. */
  private SortedMap<String, List<TaskRow>> bySubject(String split, long limit) {
    List<Path> found = files.all(NAME, split);
    // One folder has all subjects once more, and what is in it is enough.
    List<Path> together =
        found.stream().filter(file -> TaskFiles.configuration(file).equals("all")).toList();
    SortedMap<String, List<TaskRow>> subjects = new TreeMap<>();
    for (Path file : together.isEmpty() ? found : together) {
      read.add(file);
      for (TaskRow row : TaskRow.read(file, Long.MAX_VALUE)) {
        String subject = row.has("subject") ? row.text("subject") : TaskFiles.configuration(file);
        List<TaskRow> rows =
            subjects.computeIfAbsent(requireKnown(row, subject), name -> new ArrayList<>());
        if (rows.size() < limit) {
          rows.add(row);
        }
      }
    }
    return subjects;
  }

  private static String requireKnown(TaskRow row, String subject) {
    if (group(subject).isEmpty()) {
      throw row.place().wrong("one of MMLU's %d subjects".formatted(GROUPS.size()), subject);
    }
    return subject;
  }

  /**
   * Returns what stands before each question of a subject: five others with their answers.
   *
   * @param first of the subject's questions, for messages
   */
  private static String before(String subject, List<TaskRow> examples, TaskRow first) {
    if (examples.size() < SHOTS) {
      throw ErrorDetails.part(first.file(), "subject " + subject)
          .hint("they lie beside those of the split test, in " + TEST.origin())
          .wrong("%d questions of the split dev".formatted(SHOTS), examples.size());
    }
    StringBuilder text = new StringBuilder();
    text.append("The following are multiple choice questions (with answers) about ")
        .append(subject.replace('_', ' '))
        .append(".\n\n");
    for (TaskRow example : examples) {
      text.append(question(example))
          .append(' ')
          .append(LETTERS.get(answer(example)))
          .append("\n\n");
    }
    return text.toString();
  }

  private static String question(TaskRow row) {
    List<String> choices = row.texts("choices", row.get("choices"));
    if (choices.size() != LETTERS.size()) {
      throw row.wrong("choices", "4 answers", row.get("choices"));
    }
    return "%s\nA. %s\nB. %s\nC. %s\nD. %s\nAnswer:"
        .formatted(
            Stream.concat(Stream.of(PythonText.strip(row.text("question"))), choices.stream())
                .toArray());
  }

  private static int answer(TaskRow row) {
    int letter = LETTERS.indexOf(row.get("answer").asText());
    return letter >= 0 ? letter : row.label("answer", LETTERS.size());
  }

  private static TaskDocument document(String subject, String before, TaskRow row) {
    String context = before + question(row);
    List<Choice> choices = LETTERS.stream().map(letter -> Choice.after(context, letter)).toList();
    return row.document(choices, answer(row), subject);
  }

  private static void add(String group, String subjects) {
    for (String subject : subjects.strip().split("\\s+")) {
      GROUPS.put(subject, group);
    }
  }

  /** Returns the group of a subject by its name, such as {@code abstract_algebra}. */
  static Optional<String> group(String subject) {
    return Optional.ofNullable(GROUPS.get(subject));
  }
}
