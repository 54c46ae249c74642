package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every command that is given a directory that a run has not ended: which it is, and what to do.
 */
class UnfinishedModelsTest {
  private static final String OUTPUT = "an unfinished output of prune";
  private static final String IN_PLACE = "a run in place";

  @TempDir Path directory;

  private Path model;

  @BeforeEach
  void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(1, 32, 64, 50);
    model = llama.write(directory.resolve("model"));
    llama.writeSamples(directory.resolve("samples.json"), 2, 8);
    llama.write(directory.resolve("other"));
  }

  private void begin(String fingerprint) throws IOException {
    String json = "{\"run\":{%s}}".formatted(fingerprint);
    MemorySegment bytes = MemorySegment.ofArray(json.getBytes(StandardCharsets.UTF_8));
    String crc = HexFormat.of().toHexDigits(Crc32c.of(bytes));
    Files.writeString(model.resolve(".wanda-cuda.journal"), crc + " " + json + "\n");
  }

  private void assertSaid(String command, int exitCode, String... said) {
    Stream<String> words =
        Stream.of(command.split(" ", -1))
            .map(word -> word.startsWith("@") ? directory + "/" + word.substring(1) : word);
    Ended ended = InProcess.run(words.toList(), "--quiet").isRefused(exitCode, said);
    assertThat(ended.errorLines()).singleElement().asString().contains(model.toString());
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "perplexity --model @model --tokens @samples.json",
        "inspect --model @model",
        "calibrate --model @model --calibration @samples.json --output @s.safetensors",
        "prune --model @model --method magnitude --output @out",
        "verify --dense @model --pruned @other --sparsity 0.5",
        "verify --zeros-of @model --model @other",
        "verify --zeros-of @other --model @model",
        "prune --method masks --model @other --masks @model --output @out",
        "pack --model @model --output @out",
        "unpack --model @model --output @out",
      })
  void asAModel(String command) throws IOException {
    begin("\"method\":\"wanda\",\"in_place\":\"yes\"");
    assertSaid(command, 3, IN_PLACE, "run the same 'wanda-cuda prune' again with --in-place");
    begin("\"method\":\"wanda\"");
    assertSaid(command, 3, OUTPUT, "--resume");
    // As an output is until its end.
    Files.delete(model.resolve("config.json"));
    assertSaid(command, 3, OUTPUT, "--resume");
  }

  @Test
  void asAPrunedModel() throws IOException {
    String command = "verify --dense @other --pruned @model --sparsity 0";
    begin("\"method\":\"wanda\"");
    assertSaid(command, 5, OUTPUT, "--resume");
    begin("\"method\":\"wanda\",\"in_place\":\"yes\"");
    assertSaid(command, 5, IN_PLACE, "run the same 'wanda-cuda prune' again with --in-place");
  }
}
