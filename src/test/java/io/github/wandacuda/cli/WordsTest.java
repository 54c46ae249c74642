package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What people read of commands, and the other forms of an error. */
class WordsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
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
    assertThat(prune("--statistics", NORMS).out()).contains(" input columns, whose norm is 0; ");
  }

  @Test
  void aPlanSaysSizesInUnitsForPeople() {
    assertThat(prune("--statistics", NORMS, "--dry-run").out().lines())
        .anyMatch(line -> line.matches(" +to read +\\d+\\.\\d MiB of weights"))
        .anyMatch(line -> line.matches(" +to write +\\d+\\.\\d MiB, and .*"))
        .anyMatch(line -> line.matches(" +memory +\\d+\\.\\d MiB besides the Java heap, .*"))
        .anyMatch(line -> line.matches(" +time +about \\d+ s \\(\\d+ to \\d+ s\\)"));
  }

  @Test
  void withoutNormsThereIsNothingToCount() throws IOException {
    Path page = directory.resolve("report.html");
    assertThat(prune("--method", "magnitude", "--report", page).out())
        .contains("dead     0 output rows")
        .doesNotContain("calibrate", "input columns");
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
  void helpIsShownByItsCommandAndNamedWithoutOne() {
    assertThat(InProcess.run().endsWith(2).err().lines())
        .startsWith(
            "wanda-cuda makes large language models smaller without retraining: it sets the"
                + " weights to zero")
        .filteredOn(line -> line.startsWith("  wanda-cuda "))
        .hasSize(3);
    assertThat(InProcess.run("help").out()).contains("prune", "calibrate", "devices");
    assertThat(InProcess.run("help", "prune").out()).contains("--sparsity");
  }

  @Test
  void anErrorIsAnObjectWithJsonAndVerboseShowsWhere() throws IOException {
    Path model = TestData.copy(MODEL, directory.resolve("model"));
    Path shard = model.resolve("model-00001-of-00003.safetensors");
    String bytes = Files.readString(shard, StandardCharsets.ISO_8859_1);
    Files.writeString(shard, bytes.replace("[128,352]", "[-28,352]"), StandardCharsets.ISO_8859_1);
    InProcess.run("inspect", "--model", model, "--verbose").fails(3, "\tat io.github.wandacuda");
    Ended result = InProcess.run("inspect", "--model", model, "--json").endsWith(3);
    JsonNode error = JsonMapper.builder().build().readTree(result.err());
    assertThat(error.properties().stream().map(Map.Entry::getKey))
        .containsExactly("error", "file", "tensor", "expected", "found", "hint", "exit");
    assertThat(error.get("error").textValue()).startsWith(shard + ": tensor model.");
    assertThat(error.get("file").textValue()).isEqualTo(shard.toString());
    assertThat(error.get("tensor").textValue()).isEqualTo("model.layers.0.mlp.down_proj.weight");
    assertThat(error.get("expected").textValue()).startsWith("integers from 0 to ");
    assertThat(error.get("found").textValue()).isEqualTo("-28");
    assertThat(error.get("hint").isNull()).isTrue();
    assertThat(error.get("exit").intValue()).isEqualTo(3);
  }
}
