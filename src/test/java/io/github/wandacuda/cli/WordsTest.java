package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What people read of commands that work. */
class WordsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path LORA = Path.of("testdata/golden/lora/llama");
  private static final Path NORMS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");

  @TempDir Path directory;

  private Ended prune(Object... more) {
    return InProcess.line(
            "prune --model %s --output %s --backend cpu", MODEL, directory.resolve("out"), more)
        .succeeds();
  }

  @Test
  void verboseSaysWhatIsChosen() {
    String said = prune("--statistics", NORMS, "--verbose").err();
    assertThat(said)
        .contains(
            "model " + MODEL + ": LlamaForCausalLM, 57 tensors in 3 files, ",
            "42 linear modules, 0 of them routers",
            "norms from " + NORMS,
            "42 modules chosen:\n  model.layers.0.mlp.down_proj  BF16  128 x 352\n",
            "backend cpu, ",
            "asked for",
            "CPU threads",
            "plan: wanda, 50.00 %; ");
  }

  @Test
  void verboseSaysSomethingInEveryCommand() throws IOException {
    Path lists = Files.writeString(directory.resolve("few.json"), "[[1, 2, 3, 4]]");
    Path out = directory.resolve("s.safetensors");
    for (List<Object> words :
        List.<List<Object>>of(
            List.of("inspect", "--model", MODEL),
            List.of("verify", "--dense", MODEL, "--pruned", MODEL, "--sparsity", "0"),
            List.of("verify", "--zeros-of", MODEL, "--model", MODEL),
            List.of(
                "merge-lora",
                "--model",
                LORA.resolve("model"),
                "--adapter",
                LORA.resolve("adapter"),
                "--output",
                directory.resolve("merged")),
            List.of("pack", "--model", MODEL, "--output", directory.resolve("packed")),
            List.of("devices"),
            List.of("perplexity", "--model", MODEL, "--tokens", lists, "--backend", "cpu"),
            List.of("calibrate", "--model", MODEL, "--calibration", lists, "--output", out))) {
      List<Object> verbose = new ArrayList<>(words);
      verbose.add("--verbose");
      assertThat(InProcess.run(verbose).err()).as(words.toString()).isNotBlank();
    }
  }

  @Test
  void withoutItOrQuietNothingOfThatIsSaid() {
    assertThat(InProcess.run("inspect", "--model", MODEL).err()).isEmpty();
    assertThat(InProcess.line("inspect --model %s --verbose --quiet", MODEL).err()).isEmpty();
  }

  @Test
  void theSummarySaysItInWordsAndNothingOfWhatWasNotMeasured() {
    assertThat(prune("--statistics", NORMS).out()).contains(" columns whose norm is 0, ");
  }

  @Test
  void withoutNormsThereIsNothingToCount() throws IOException {
    Path page = directory.resolve("report.html");
    assertThat(prune("--method", "magnitude", "--report", page).out())
        .contains("no norms of columns were measured")
        .doesNotContain("calibrate");
    String html = Files.readString(page);
    assertThat(html).contains("<dt>Dead columns</dt><dd>–</dd>");
    String thresholds =
        html.substring(
            html.indexOf("<h2>Norms and thresholds"), html.indexOf("<h2>How it was made"));
    assertThat(thresholds.lines().filter(line -> line.startsWith("<tr><th scope=\"row\">")))
        .isNotEmpty()
        .allMatch(row -> row.split("<td>–</td>", -1).length == 6);
  }

  @Test
  void devicesStandInColumns() {
    List<String> lines = InProcess.run("devices").out().lines().toList();
    int name = lines.getFirst().indexOf("name");
    int why = lines.getFirst().indexOf("why");
    assertThat(lines).hasSizeGreaterThan(1);
    assertThat(lines)
        .allSatisfy(
            line -> {
              assertThat(line.substring(name - 2, name)).isBlank();
              assertThat(line.charAt(name)).isNotEqualTo(' ');
              assertThat(line.substring(why - 2, why)).isBlank();
              assertThat(line.charAt(why)).isNotEqualTo(' ');
            });
  }

  @Test
  void helpIsShownByItsCommand() {
    assertThat(InProcess.run("help").out()).contains("prune", "calibrate", "devices");
    assertThat(InProcess.run("help", "prune").out()).contains("--sparsity");
  }
}
