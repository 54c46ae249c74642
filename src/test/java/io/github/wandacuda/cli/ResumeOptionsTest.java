package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * What can change a number is told apart by {@code --resume}, option by option: each command here
 * differs in one option from one that has begun or made an output.
 */
class ResumeOptionsTest {
  private static final String COMPARE =
      """
      --family @family.json
      --samples 3
      --sequence-length 15
      --seed 1
      --join
      --include q_proj
      --exclude q_proj
      --limit 1
      --no-bos
      --speed
      """;

  /** Each option with another value than the run had; behind a bar, what else both have. */
  private static final String PRUNE =
      """
      --family @family.json
      --method ria
      --sparsity 0.4
      --pattern 2:4
      --refine swaps
      --update reconstruct
      --unreached keep
      --allocation @allocation.json
      --recipe @recipe.yaml
      --samples 3
      --sequence-length 15
      --seed 1
      --join
      --include q_proj
      --exclude q_proj
      --packed
      --scope row | --method ria
      --refine-swaps 3 | --refine swaps
      --masks @masks1 | --method masks --masks @masks0
      --combine-masks union | --method masks --masks @masks0 --masks @masks1
      """;

  /** What {@link StructureCommandTest} tries, and {@code --in-place} and {@code --part}. */
  private static final List<String> ELSEWHERE =
      List.of(
          "--structure",
          "--remove",
          "--multiple",
          "--score",
          "--shard-size",
          "--in-place",
          "--part");

  /** A run that it would make another one is refused without it. */
  private static final String REQUANTIZE = "--requantize";

  @TempDir Path directory;

  private Path documents;

  @BeforeEach
  void write() throws IOException {
    String text = "Once upon a time, far away. ".repeat(9);
    documents = directory.resolve("documents.jsonl");
    Files.write(documents, Collections.nCopies(3, "{\"text\": \"%s\"}".formatted(text)));
    String page = Files.readString(Path.of("src/site/markdown/families.md"));
    String qwen3 = page.substring(page.indexOf("```json") + 7, page.lastIndexOf("```"));
    // What the page describes, as the little LLaMA has it.
    Files.writeString(
        directory.resolve("family.json"),
        qwen3
            .replaceAll("(?s)\"queryNorm\".*?(?=\"heads\")", "")
            .replace("head_dim", "(hidden_size / num_attention_heads)"));
  }

  private static List<Object> words(String command, Object... more) {
    return Words.of("%s --model %s --backend cpu --quiet", command, TestData.TINY_LLAMA, more);
  }

  private List<Object> compare() throws IOException {
    Path text = Files.writeString(directory.resolve("text.json"), "[[1, 17, 300, 4, 99, 1024]]");
    List<Object> words = words("compare", "--calibration", documents, "--text", text);
    words.addAll(List.of("--report", directory.resolve("report.json"), "--methods", "magnitude"));
    words.addAll(List.of("--include", "o_proj", "--samples", 2, "--sequence-length", 16));
    return words;
  }

  /** Returns a run of prune with these options to the output of a number. */
  private List<Object> prune(int number, String options) {
    List<Object> words = words("prune", "--output", directory.resolve("out" + number));
    words.addAll(List.of("--calibration", documents, "--samples", 2, "--sequence-length", 16));
    words.addAll(List.of("--include", "o_proj"));
    words.addAll(split(options));
    return words;
  }

  /** Returns the words of a line, in which an @ stands for the directory. */
  private List<String> split(String line) {
    return line.isEmpty() ? List.of() : List.of(line.replace("@", directory + "/").split(" "));
  }

  /** Returns the lines of prune by what stands behind the bar. */
  private static Map<String, List<String>> byBase() {
    return PRUNE
        .lines()
        .map(line -> line.split(" \\| ", 2))
        .collect(
            Collectors.groupingBy(
                parts -> parts.length == 1 ? "" : parts[1],
                LinkedHashMap::new,
                Collectors.mapping(parts -> parts[0], Collectors.toList())));
  }

  private static Set<String> tried(String lines) {
    return lines
        .lines()
        .map(ResumeOptionsTest::name)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static String name(String line) {
    return line.split(" ")[0];
  }

  private static Set<String> decisive(Object command, String... others) {
    return OutputOptions.decisive(new CommandLine(command).getCommandSpec(), others);
  }

  /** Returns a command with a line's option, in the place of that option's values if it has any. */
  private List<Object> with(List<Object> base, String line) {
    List<Object> words = new ArrayList<>(base);
    int at;
    while ((at = words.indexOf(name(line))) >= 0) {
      words.subList(at, at + 2).clear();
    }
    words.addAll(split(line));
    assertThat(differences(base, words)).as(line).containsExactly(name(line));
    return words;
  }

  /** Returns the options that two command lines don't have with the same values. */
  private static Set<String> differences(List<Object> words, List<Object> others) {
    Map<String, List<String>> there = options(words);
    Map<String, List<String>> here = options(others);
    Set<String> all = new TreeSet<>(there.keySet());
    all.addAll(here.keySet());
    all.removeIf(option -> Objects.equals(there.get(option), here.get(option)));
    return all;
  }

  private static Map<String, List<String>> options(List<Object> words) {
    String[] texts = Words.texts(words);
    return InProcess.commandLine(List.of(texts))
        .parseArgs(texts)
        .subcommand()
        .matchedOptionsSet()
        .stream()
        .collect(
            Collectors.toMap(
                OptionSpec::longestName, option -> List.copyOf(option.originalStringValues())));
  }

  private static List<Object> resumed(List<Object> words) {
    List<Object> resumed = new ArrayList<>(words);
    resumed.add("--resume");
    return resumed;
  }

  @Test
  void noOptionIsForgotten() {
    String where = "an option is listed in OutputOptions, or tried here";
    assertThat(tried(COMPARE))
        .as(where)
        .containsExactlyInAnyOrderElementsOf(decisive(new CompareCommand(), CompareCommand.RUNS));
    Set<String> prune = tried(PRUNE);
    prune.addAll(ELSEWHERE);
    prune.add(REQUANTIZE);
    assertThat(prune).as(where).containsExactlyInAnyOrderElementsOf(decisive(new PruneCommand()));
  }

  @Test
  void eachLineDiffersFromItsBaseInItsOptionAlone() throws IOException {
    List<Object> compare = compare();
    COMPARE.lines().forEach(line -> with(compare, line));
    byBase().forEach((base, lines) -> lines.forEach(line -> with(prune(0, base), line)));
  }

  @Test
  @Thorough
  void compareTellsAllOptionsApart() throws IOException {
    List<Object> words = compare();
    CompareCommandTest.interrupt(2, words);
    Path kept = directory.resolve("report.json.unfinished");
    assertThat(Files.readAllLines(kept).get(0)).contains("\"backend\":\"cpu\"");
    List<String> taken = new ArrayList<>();
    for (String line : COMPARE.split("\n")) {
      Ended result = InProcess.run(resumed(with(words, line)));
      if (result.exitCode() != 2
          || !result.err().contains("another comparison: ")
          || !result.err().contains(name(line) + " (there ")) {
        taken.add(line + ": " + result.err());
      }
    }
    assertThat(taken).isEmpty();
    List<Object> other = resumed(words);
    other.replaceAll(
        word -> word.equals(documents) ? TestData.GOLDEN.resolve("evaluation.json") : word);
    assertThat(InProcess.run(other).err()).contains("calibration (there ");
    InProcess.run(resumed(words)).succeeds();
    assertThat(kept).doesNotExist();
  }

  @Test
  @Thorough
  void pruneTellsAllOptionsApart() throws IOException {
    Files.writeString(directory.resolve("allocation.json"), "{\"0\": 0.3}");
    Files.writeString(directory.resolve("recipe.yaml"), "- method: ria\n");
    List<String> taken = new ArrayList<>();
    int number = 0;
    for (Map.Entry<String, List<String>> group : byBase().entrySet()) {
      List<Object> words = prune(number, group.getKey());
      InProcess.run(words, "--save-masks", directory.resolve("masks" + number)).succeeds();
      number++;
      for (String line : group.getValue()) {
        Ended result = InProcess.run(resumed(with(words, line)));
        if (result.exitCode() != 2 || !result.err().contains("the output of another run")) {
          taken.add(line + ": " + result.err());
        }
      }
      InProcess.run(resumed(words)).succeeds();
    }
    assertThat(taken).isEmpty();
  }
}
