package io.github.wandacuda.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Writes LoRA adapters of a few numbers, as PEFT lays them out. */
public final class LoraFolder {
  /** A config of rank 2 with α = 2, so that the scale is 1. */
  public static final String CONFIG =
      """
      {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "bias": "none", "fan_in_fan_out": false,
       "use_rslora": false, "use_dora": false, "modules_to_save": null, "target_modules": ["q_proj"]}
      """;

  private LoraFolder() {}

  /** Returns the names of a module's two tensors. */
  public static String[] names(String module) {
    String before = "base_model.model." + module;
    return new String[] {before + ".lora_A.weight", before + ".lora_B.weight"};
  }

  /** Returns tensors of rank 2 for a module, with B · A = {@code product} everywhere. */
  public static SafetensorsBytes pair(String module, int rows, int columns, float product) {
    float[] a = new float[2 * columns];
    float[] b = new float[rows * 2];
    Arrays.fill(a, product);
    Arrays.fill(b, 0.5f);
    String[] names = names(module);
    return new SafetensorsBytes().f32(names[0], a, 2, columns).f32(names[1], b, rows, 2);
  }

  /** Writes an adapter's directory. */
  public static Path write(Path directory, String config, SafetensorsBytes tensors)
      throws IOException {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("adapter_config.json"), config);
    tensors.write(directory.resolve("adapter_model.safetensors"));
    return directory;
  }
}
