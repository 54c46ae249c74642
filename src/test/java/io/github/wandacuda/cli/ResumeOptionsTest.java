package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What can change a number is told apart by {@code --resume}, option by option. */
class ResumeOptionsTest {
  private static final Path MASKS = Path.of("masks.safetensors");

  /** Where an option isn't in the command already, what it is given. */
  private static final Map<String, String> COMPARE =
      Map.of(
          "--samples", "3",
          "--sequence-length", "15",
          "--seed", "1",
          "--join", "",
          "--include", "q_proj",
          "--exclude", "q_proj",
          "--limit", "1",
          "--no-bos", "");

  private static final Map<String, String> PRUNE =
      Map.ofEntries(
          Map.entry("--method", "wanda"),
          Map.entry("--scope", "row"),
          Map.entry("--sparsity", "0.4"),
          Map.entry("--pattern", "2:4"),
          Map.entry("--refine", "swaps"),
          Map.entry("--refine-swaps", "3 --refine swaps"),
          Map.entry("--update", "reconstruct"),
          Map.entry("--unreached", "keep"),
          Map.entry("--allocation", "{allocation}"),
          Map.entry("--recipe", "{recipe}"),
          Map.entry("--masks", "{masks} --method masks"),
          Map.entry("--combine-masks", "union --method masks --masks {masks} --masks {masks}"),
          Map.entry("--samples", "3"),
          Map.entry("--sequence-length", "15"),
          Map.entry("--seed", "1"),
          Map.entry("--join", ""),
          Map.entry("--include", "q_proj"),
          Map.entry("--exclude", "q_proj"),
          Map.entry("--packed", ""));

  @TempDir Path directory;

  private Path documents;

  @BeforeEach
  void write() throws IOException {
    String text = "Once upon a time, far away. ".repeat(9);
    documents = directory.resolve("documents.jsonl");
    Files.write(documents, Collections.nCopies(3, "{\"text\": \"%s\"}".formatted(text)));
  }

  private static List<Object> words(String command, Object... more) {
    List<Object> words =
        Words.of("%s --model %s --backend cpu --quiet", command, TestData.TINY_LLAMA, more);
    return words;
  }

  private Ended with(List<Object> words, String option, String value) {
    List<Object> all = new ArrayList<>(words);
    boolean saysMethod = value.contains("{masks}") || option.matches("--(recipe|method)");
    if (words.get(0).equals("prune") && !saysMethod) {
      all.addAll(List.of("--method", "ria"));
    }
    all.add(option);
    Stream.of(value.split(" "))
        .filter(word -> !word.isEmpty())
        .map(
            word ->
                word.startsWith("{")
                    ? directory.resolve(word.substring(1, word.length() - 1) + ending(word))
                    : word)
        .forEach(all::add);
    return InProcess.run(all);
  }

  private static String ending(String word) {
    return switch (word) {
      case "{masks}" -> ".safetensors";
      case "{recipe}" -> ".yaml";
      default -> ".json";
    };
  }

  private static Set<String> decisive(Object command, String... others) {
    return OutputOptions.decisive(new CommandLine(command).getCommandSpec(), others);
  }

  @Test
  @Thorough
  void compareTellsAllOptionsApart() throws IOException {
    assertThat(COMPARE.keySet())
        .as("an option is listed in OutputOptions, or tried here")
        .isEqualTo(decisive(new CompareCommand(), CompareCommand.RUNS));
    Path report = directory.resolve("report.json");
    Path text = TestData.GOLDEN.resolve("evaluation.json");
    List<Object> words = words("compare", "--calibration", documents, "--text", text);
    words.addAll(List.of("--report", report, "--methods", "magnitude", "--include", "o_proj"));
    words.addAll(List.of("--samples", 2, "--sequence-length", 16));
    words.replaceAll(word -> word.equals(text) ? small(text) : word);
    CompareCommandTest.interrupt(2, words);
    Path kept = directory.resolve("report.json.unfinished");
    assertThat(Files.readAllLines(kept).get(0)).contains("\"backend\":\"cpu\"");
    words.add("--resume");
    List<String> taken = new ArrayList<>();
    COMPARE.forEach(
        (option, value) -> {
          List<Object> less = without(words, option);
          Ended result = with(less, option, value);
          if (result.exitCode() != 2
              || !result.err().contains("another comparison: ")
              || !result.err().contains(option + " (there ")) {
            taken.add(option + ": " + result.err());
          }
        });
    assertThat(taken).isEmpty();
    Ended other = InProcess.run(replaced(words, documents, text).toArray());
    assertThat(other.err()).contains("calibration (there ");
    InProcess.run(words).succeeds();
    assertThat(kept).doesNotExist();
  }

  private Path small(Path text) {
    Path file = directory.resolve("text.json");
    List<String> lists =
        TestData.tokens(text).stream()
            .limit(2)
            .map(ids -> Arrays.toString(Arrays.copyOf(ids, 16)))
            .toList();
    try {
      return Files.writeString(file, lists.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Object> replaced(List<Object> words, Object one, Object other) {
    List<Object> changed = new ArrayList<>(words);
    changed.replaceAll(word -> word.equals(one) ? other : word);
    return changed;
  }

  /** Takes an option with its value away. */
  private static List<Object> without(List<Object> words, String option) {
    List<Object> less = new ArrayList<>(words);
    int at = less.indexOf(option);
    if (at >= 0) {
      less.subList(at, at + 2).clear();
    }
    return less;
  }

  @Test
  void pruneTellsAllOptionsApart() throws IOException {
    Set<String> tried = new HashSet<>(PRUNE.keySet());
    tried.addAll(List.of("--in-place", "--part"));
    assertThat(tried)
        .as("an option is listed in OutputOptions, or tried here")
        .isEqualTo(decisive(new PruneCommand()));
    Files.writeString(directory.resolve("allocation.json"), "{\"0\": 0.3}");
    Files.writeString(directory.resolve("recipe.yaml"), "- method: ria\n");
    Path output = directory.resolve("out");
    List<Object> words = words("prune", "--output", output, "--include", "o_proj");
    words.addAll(List.of("--calibration", documents, "--samples", 2, "--sequence-length", 16));
    List<Object> first = new ArrayList<>(words);
    first.addAll(List.of("--method", "ria", "--save-masks", directory.resolve(MASKS)));
    InProcess.run(first).succeeds();
    words.add("--resume");
    List<String> taken = new ArrayList<>();
    PRUNE.forEach(
        (option, value) -> {
          Ended result = with(without(words, option), option, value);
          if (result.exitCode() != 2 || !result.err().contains("the output of another run")) {
            taken.add(option + ": " + result.err());
          }
        });
    assertThat(taken).isEmpty();
    with(words, "--method", "ria").succeeds();
  }
}
