package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
        new Provenance(
            Provenance.FORMAT,
            "1",
            Provenance.MASK,
            Map.of("method", "wanda", "sparsity", 0.1),
            null,
            null,
            null,
            null,
            List.of("a|b"),
            List.of(),
            "keep",
            Map.of("calibration", "é.txt"),
            128,
            2048,
            Long.MIN_VALUE,
            true,
            "c",
            null,
            "o",
            modules,
            1L << 40,
            1L << 39,
            0,
            "m",
            List.of("model.layers.0.é")));
    assertComesBack(
        new Provenance(
            null,
            null,
            Provenance.MASK,
            Map.of("method", "magnitude", "pattern", "2:4"),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            modules,
            0,
            0,
            0,
            null,
            null));
  }

  @Test
  void whatIsNullIsLeftOut() {
    Provenance provenance =
        new Provenance(
            "f",
            "v",
            Provenance.MASK,
            ModuleRules.of(Method.WANDA, new Sparsity.GroupPattern(2, 4)).written(),
            null,
            null,
            null,
            null,
            List.of(),
            List.of(),
            null,
            Map.of("statistics", "s.safetensors"),
            null,
            null,
            null,
            null,
            null,
            "s",
            "o",
            List.of("m"),
            8,
            4,
            4,
            "d",
            null);
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
      })
  void whatIsNotOneIsRefused(String content, String message) throws IOException {
    Files.writeString(file(), content);
    assertThatThrownBy(() -> Provenance.read(directory))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file() + ": ")
        .hasMessageContaining(message);
  }
}
