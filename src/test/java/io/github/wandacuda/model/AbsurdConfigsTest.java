package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every key that a family reads, with every value that makes no sense: refused, or harmless. */
class AbsurdConfigsTest {
  /** One fixture of each type of model. */
  static List<String> families() {
    Set<String> types = new HashSet<>();
    return TestData.families().stream()
        .filter(family -> types.add(family.replaceAll("-.*", "")))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("families")
  @FirstCases(2)
  void endInOneLineOrRun(String family) {
    List<String> wrong = new ArrayList<>();
    int refused = 0;
    try (ChangedConfigs configs = new ChangedConfigs(family)) {
      assertThat(configs.isRefused(configs.config())).isFalse();
      for (String key : ChangedConfigs.KEYS) {
        for (String value : ChangedConfigs.VALUES) {
          ObjectNode config = configs.config();
          ChangedConfigs.put(config, key, value);
          try {
            refused += configs.isRefused(config) ? 1 : 0;
          } catch (RuntimeException | Error e) {
            wrong.add("%s: %s: %s".formatted(key, value, e));
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(refused).isGreaterThan(100);
  }
}
