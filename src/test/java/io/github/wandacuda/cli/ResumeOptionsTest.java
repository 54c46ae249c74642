package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What can change a number is told apart by {@code --resume}, option by option. */
class ResumeOptionsTest {
  /** Options that aren't in the command already, what each is given, and what else that wants. */
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

  private static final String PRUNE =
      """
      --family @family.json
      --method wanda
      --scope row
      --sparsity 0.4
      --pattern 2:4
      --refine swaps
      --refine-swaps 3 --refine swaps
      --update reconstruct
      --requantize --update reconstruct
      --unreached keep
      --allocation @allocation.json
      --recipe @recipe.yaml
      --masks @masks.safetensors --method masks
      --combine-masks union --method masks --masks @masks.safetensors --masks @masks.safetensors
      --samples 3
      --sequence-length 15
      --seed 1
      --join
      --include q_proj
      --exclude q_proj
      --packed
      """;

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

  /** Runs a command with other options of a line, in which an @ stands for the directory. */
  private Ended with(List<Object> words, String line) {
    boolean ria = words.get(0).equals("prune") && !line.matches("--recipe.*|.*--method.*");
    return InProcess.run(
        without(words, line.split(" ")[0]),
        ria ? List.of("--method", "ria") : List.of(),
        line.replace("@", directory + "/").split(" "));
  }

  private static Set<String> options(String lines) {
    return lines
        .lines()
        .map(line -> line.split(" ")[0])
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Set<String> decisive(Object command, String... others) {
    return OutputOptions.decisive(new CommandLine(command).getCommandSpec(), others);
  }

  @Test
  @Thorough
  void compareTellsAllOptionsApart() throws IOException {
    assertThat(options(COMPARE))
        .as("an option is listed in OutputOptions, or tried here")
        .isEqualTo(decisive(new CompareCommand(), CompareCommand.RUNS));
    Path report = directory.resolve("report.json");
    Path text = Files.writeString(directory.resolve("text.json"), "[[1, 17, 300, 4, 99, 1024]]");
    List<Object> words = words("compare", "--calibration", documents, "--text", text);
    words.addAll(List.of("--report", report, "--methods", "magnitude", "--include", "o_proj"));
    words.addAll(List.of("--samples", 2, "--sequence-length", 16));
    CompareCommandTest.interrupt(2, words);
    Path kept = directory.resolve("report.json.unfinished");
    assertThat(Files.readAllLines(kept).get(0)).contains("\"backend\":\"cpu\"");
    words.add("--resume");
    List<String> taken = new ArrayList<>();
    for (String line : COMPARE.split("\n")) {
      Ended result = with(words, line);
      if (result.exitCode() != 2
          || !result.err().contains("another comparison: ")
          || !result.err().contains(line.split(" ")[0] + " (there ")) {
        taken.add(line + ": " + result.err());
      }
    }
    assertThat(taken).isEmpty();
    List<Object> other = new ArrayList<>(words);
    other.replaceAll(
        word -> word.equals(documents) ? TestData.GOLDEN.resolve("evaluation.json") : word);
    assertThat(InProcess.run(other).err()).contains("calibration (there ");
    InProcess.run(words).succeeds();
    assertThat(kept).doesNotExist();
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
  @Thorough
  void pruneTellsAllOptionsApart() throws IOException {
    Set<String> tried = options(PRUNE);
    tried.addAll(List.of("--in-place", "--part"));
    // StructureCommandTest tries these.
    tried.addAll(List.of("--structure", "--remove", "--multiple", "--score", "--shard-size"));
    assertThat(tried)
        .as("an option is listed in OutputOptions, or tried here")
        .isEqualTo(decisive(new PruneCommand()));
    Files.writeString(directory.resolve("allocation.json"), "{\"0\": 0.3}");
    Files.writeString(directory.resolve("recipe.yaml"), "- method: ria\n");
    Path output = directory.resolve("out");
    List<Object> words = words("prune", "--output", output, "--include", "o_proj");
    words.addAll(List.of("--calibration", documents, "--samples", 2, "--sequence-length", 16));
    List<Object> first = new ArrayList<>(words);
    first.addAll(
        List.of("--method", "ria", "--save-masks", directory.resolve("masks.safetensors")));
    InProcess.run(first).succeeds();
    words.add("--resume");
    List<String> taken = new ArrayList<>();
    for (String line : PRUNE.split("\n")) {
      Ended result = with(words, line);
      if (result.exitCode() != 2 || !result.err().contains("the output of another run")) {
        taken.add(line + ": " + result.err());
      }
    }
    assertThat(taken).isEmpty();
    with(words, "--method ria").succeeds();
  }
}
