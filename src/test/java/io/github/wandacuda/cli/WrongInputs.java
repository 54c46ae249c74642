package io.github.wandacuda.cli;

import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The table of wrong inputs: each a command, and below it the exit code and the line. */
public final class WrongInputs {
  private WrongInputs() {}

  /** Returns command, exit code and line of each. */
  public static List<String[]> read() throws IOException {
    List<String[]> cases = new ArrayList<>();
    try (var in = WrongInputs.class.getResourceAsStream("wrong-inputs.txt")) {
      String command = null;
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (line.startsWith("$ ")) {
          command = line.substring(2);
        } else if (!line.isBlank() && !line.startsWith("#")) {
          cases.add(new String[] {command, line.substring(0, 1), line.substring(2)});
        }
      }
    }
    return cases;
  }

  /** Puts in what the table abbreviates. */
  public static String filled(String text, Path files, Path output) {
    return text.replace("{model}", TestData.TINY_LLAMA.toString())
        .replace("{norms}", TestData.GOLDEN.resolve("wanda-50.statistics.safetensors").toString())
        .replace("{text}", "testdata/text/heldout.txt")
        .replace("{cache}", HubCache.of(System.getenv()).root().toString())
        .replace("{files}", files.toString())
        .replace("{out}", output.toString());
  }
}
