package io.github.wandacuda.model;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.Fuzzing;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

class DecoderFuzzTest {
  private static final Fuzzing FUZZING = new Fuzzing();
  private static final List<String> FAMILIES = TestData.families();
  private static final Map<String, ChangedConfigs> OPEN = new HashMap<>();
  private static final int MOST_CHANGES = 4;

  @FuzzTest
  void config(byte[] bytes) throws IOException {
    FUZZING.run(bytes, "config.json", DecoderFuzzTest::readConfig);
  }

  private static void readConfig(Path file) {
    ModelConfig config = ModelConfig.read(file.getParent());
    DecoderFamilies.of(config).shape(config);
  }

  /** Opens and runs the decoder of each family under configs that a fuzzer has changed. */
  @FuzzTest
  void open(FuzzedDataProvider data) {
    ChangedConfigs configs = OPEN.computeIfAbsent(data.pickValue(FAMILIES), ChangedConfigs::new);
    ObjectNode config = configs.config();
    int changes = data.consumeInt(1, MOST_CHANGES);
    for (int change = 0; change < changes; change++) {
      ChangedConfigs.put(config, data.pickValue(ChangedConfigs.KEYS), value(data));
    }
    boolean unused = configs.isRefused(config);
  }

  private static String value(FuzzedDataProvider data) {
    return switch (data.consumeInt(0, 4)) {
      case 0 -> Integer.toString(data.consumeInt());
      case 1 -> Integer.toString(data.consumeInt(0, 200));
      case 2 ->
          Double.toString(
              Math.scalb(data.consumeRegularDouble(-2, 2), data.consumeInt(-1000, 1000)));
      default -> data.pickValue(ChangedConfigs.VALUES);
    };
  }
}
