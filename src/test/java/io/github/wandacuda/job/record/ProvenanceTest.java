package io.github.wandacuda.job.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProvenanceTest {
  @TempDir Path directory;

  private Path file() {
    return directory.resolve(Provenance.FILE_NAME);
  }

  private void assertComesBack(Provenance provenance) throws IOException {
    Files.write(file(), provenance.json());
    assertThat(Provenance.read(directory)).contains(provenance);
  }

  @Test
  void comesBackAsItWasWritten() throws IOException {
    List<String> modules = List.of("model.layers.0.é", "\"");
    assertComesBack(
        new PruningRecord(
            Map.ofEntries(
                Map.entry("format", Provenance.FORMAT),
                Map.entry("version", "1"),
                Map.entry("mode", Provenance.MASK),
                Map.entry("method", "wanda"),
                Map.entry("sparsity", 0.1),
                Map.entry("include", List.of("a|b")),
                Map.entry("exclude", List.of()),
                Map.entry("unreached", "keep"),
                Map.entry("files", Map.of("calibration", "é.txt")),
                Map.entry("samples", 128),
                Map.entry("sequence_length", 2048),
                Map.entry("seed", Long.MIN_VALUE),
                Map.entry("join", true),
                Map.entry("calibration_sha256", "c"),
                Map.entry("source_sha256", "o"),
                Map.entry("modules", modules),
                Map.entry("elements", 1L << 40),
                Map.entry("pruned", 1L << 39),
                Map.entry("zeros", 0L),
                Map.entry("mask_sha256", "m"),
                Map.entry("kept", List.of("model.layers.0.é")))));
    assertComesBack(
        new PruningRecord(
            Map.of(
                "mode",
                Provenance.MASK,
                "method",
                "magnitude",
                "pattern",
                "2:4",
                "modules",
                modules)));
    assertComesBack(
        new PruningRecord(
            Map.of(
                "stages", List.of(Map.of("modules", "q", "method", "wanda", "sparsity", 0.5)),
                "sparsity_by_module", Map.of("model.layers.0.é", 0.25),
                "modules", modules)));
  }

  @Test
  void whatIsNullIsLeftOutAndTheRestIsInOrder() {
    Map<String, Object> values = new HashMap<>();
    values.put("mask_sha256", "d");
    values.put("zeros", 4L);
    values.put("pruned", 4L);
    values.put("elements", 8L);
    values.put("kept", null);
    values.put("modules", List.of("m"));
    values.put("source_sha256", "o");
    values.put("statistics_sha256", "s");
    values.put("files", Map.of("statistics", "s.safetensors"));
    values.put("include", List.of());
    values.put("exclude", List.of());
    values.put("mode", Provenance.MASK);
    values.put("version", "v");
    values.put("format", "f");
    values.putAll(ModuleRules.of(Method.WANDA, new Sparsity.GroupPattern(2, 4)).written());
    Provenance provenance = new PruningRecord(values);
    assertThat(new String(provenance.json()))
        .isEqualTo(
            """
            {
              "format" : "f",
              "version" : "v",
              "mode" : "mask",
              "method" : "wanda",
              "pattern" : "2:4",
              "include" : [ ],
              "exclude" : [ ],
              "files" : {
                "statistics" : "s.safetensors"
              },
              "statistics_sha256" : "s",
              "source_sha256" : "o",
              "modules" : [ "m" ],
              "elements" : 8,
              "pruned" : 4,
              "zeros" : 4,
              "mask_sha256" : "d"
            }
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[] | expected a JSON object",
        "`` | expected a JSON object",
        "{ | not what this tool writes",
        "{\"method\": 5} | method: expected a string, found 5",
        "{\"modules\": [1]} | modules: expected a list of strings, found [1]",
        "{\"modules\": \"a\"} | modules: expected a list of strings, found \"a\"",
        "{\"sparsity\": \"0.5\"} | sparsity: expected a number, found \"0.5\"",
        "{\"samples\": 2147483648} | samples: expected a 32-bit integer, found 2147483648",
        "{\"files\": {\"masks\": 1}} | files: expected an object of strings, found",
        "{\"seed\": 1.5} | seed: expected an integer, found 1.5",
        "{\"zeros\": 9223372036854775808} | zeros: expected an integer, found 9223372036854775808",
        "{\"method\": \"wanda\"} | expected modules and one of method and stages",
        "{\"mode\": \"structure\", \"structure\": \"experts\", \"removed\": {\"0\": {}}} | removed:",
        "{\"mode\": \"structure\", \"structure\": \"heads\", \"removed\": {\"a\": [1]}} | removed:",
        "{\"modules\": [], \"stages\": [5]} | stages: expected a list of objects, found [5]",
        "{\"modules\": [], \"stages\": [{}]} | expected modules in every stage",
        "{\"proven\": true} | proven: expected no such key in a record, found true",
        "{\"modules\": [], \"stages\": [{\"modul\": \"a\"}]} | modul: expected no such key",
        "{\"smaller\": {\"mode\": \"structure\", \"a\": 1}} | a: expected no such key",
        "{\"mode\": \"mask\", \"fitted\": [\"a\"]} | fitted: expected nothing with a mode other",
        "{\"mode\": \"mask\", \"shard_size\": 1} | shard_size: expected nothing with a mode other",
        "{\"mode\": \"structure\", \"zeros\": 1} | zeros: expected nothing with mode structure",
        "{\"mode\": \"structure\", \"method\": \"wanda\"} | method: expected nothing with mode",
        "{\"modules\": [], \"method\": \"ria\", \"stages\": []} | method: expected nothing with stages",
      })
  void whatIsNotOneIsRefused(String content, String message) throws IOException {
    Files.writeString(file(), content);
    assertThatThrownBy(() -> Provenance.read(directory))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file() + ": ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"01234", "43210", "20413", "10234"})
  void theOrderOfArrivalDoesntMatter(String order) throws Exception {
    Random random = new Random(1);
    byte[][] masks = new byte[5][];
    MessageDigest expected = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < masks.length; i++) {
      masks[i] = new byte[i == 2 ? 3_000_000 : 10 * i];
      random.nextBytes(masks[i]);
      expected.update(masks[i]);
    }
    Path spill = directory.resolve("spill");
    String sha256 = HexFormat.of().formatHex(expected.digest());
    for (long held : new long[] {0, 50, Long.MAX_VALUE}) {
      try (MaskDigest digest = new MaskDigest(5, spill, held)) {
        for (char index : order.toCharArray()) {
          digest.add(index - '0', MemorySegment.ofArray(masks[index - '0']));
        }
        assertThat(digest.hex()).isEqualTo(sha256);
      }
      assertThat(Files.exists(spill)).isFalse();
    }
  }

  @Test
  void nothingIsSpilledInOrder() {
    Path spill = directory.resolve("spill");
    try (MaskDigest digest = new MaskDigest(2, spill)) {
      digest.add(0, MemorySegment.ofArray(new byte[8]));
      digest.add(1, MemorySegment.ofArray(new byte[8]));
      assertThat(Files.exists(spill)).isFalse();
    }
  }

  @Test
  void whatFitsWaitsInMemory() {
    Path spill = directory.resolve("spill");
    try (MaskDigest digest = new MaskDigest(5, spill, 16)) {
      digest.add(1, MemorySegment.ofArray(new byte[16]));
      assertThat(Files.exists(spill)).isFalse();
      digest.add(0, MemorySegment.ofArray(new byte[8]));
      digest.add(3, MemorySegment.ofArray(new byte[16]));
      assertThat(Files.exists(spill)).as("memory that is free again is used again").isFalse();
      digest.add(4, MemorySegment.ofArray(new byte[1]));
      assertThat(Files.exists(spill)).isTrue();
    }
  }

  @Test
  void aMissingMaskIsNoticed() {
    try (MaskDigest digest = new MaskDigest(2, directory.resolve("spill"))) {
      digest.add(1, MemorySegment.ofArray(new byte[8]));
      assertThatThrownBy(digest::hex).isInstanceOf(IllegalStateException.class);
    }
  }
}
