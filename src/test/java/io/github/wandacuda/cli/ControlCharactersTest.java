package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * What files say never commands a terminal, turns a line round or forges one, whoever prints it.
 */
@Isolated
class ControlCharactersTest {
  private static final String EVIL =
      "\u001b[2J\u0007\u009b31m\u202e\nverified: all is well\r\u2028";
  private static final String MODULE = "model.layers.0." + EVIL + ".q_proj";

  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void write() throws IOException {
    model = Files.createDirectory(directory.resolve("m" + EVIL));
    Files.writeString(model.resolve("config.json"), "{}");
    new SafetensorsBytes()
        .f32(quoted(MODULE) + ".weight", 4, 8)
        .f32("model.layers.0.mlp.up_proj.weight", 4, 8)
        .write(model.resolve("model.safetensors"));
    // Left out with a warning, and copied.
    Files.writeString(model.resolve("pytorch_model" + EVIL + ".bin"), "");
    Files.writeString(model.resolve("notes" + EVIL), "");
  }

  private static String quoted(String text) {
    return new String(JsonStringEncoder.getInstance().quoteAsString(text));
  }

  /** Runs a command, and checks all that it says, its log too. */
  private static Ended run(Object... words) {
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    PrintStream before = System.err;
    System.setErr(new PrintableStream(log, true, StandardCharsets.UTF_8));
    try {
      Ended ended = InProcess.run(words);
      plain(log.toString(StandardCharsets.UTF_8));
      return plain(ended);
    } finally {
      System.setErr(before);
    }
  }

  /** Checks that all that was said is plain, and that no line begins as the forged one. */
  private static Ended plain(Ended said) {
    plain(said.out());
    plain(said.err());
    return said;
  }

  private static void plain(String text) {
    assertThat(text.codePoints().filter(c -> c != '\n' && c != '\t'))
        .as(text)
        .noneMatch(Character::isISOControl)
        .noneMatch(c -> Character.getType(c) == Character.FORMAT)
        .noneMatch(c -> Character.getType(c) == Character.LINE_SEPARATOR);
    assertThat(text.lines()).as(text).noneMatch(line -> line.startsWith("verified: all"));
  }

  private Path output(String name) {
    return directory.resolve(name + EVIL);
  }

  private Ended prune(Object... more) {
    return run("prune", "--model", model, "--backend", "cpu", "--method", "magnitude", more);
  }

  @Test
  void inspectAndPruneAndVerify() throws IOException {
    Ended seen = run("inspect", "--model", model);
    assertThat(seen.exitCode()).as(seen.err()).isZero();
    assertThat(seen.out()).contains("\\u001b[2J\\u0007");
    Path page = directory.resolve("report.html");
    Path json = directory.resolve("report.json");
    prune("--output", output("dry"), "--dry-run").succeeds();
    prune("--output", output("a"), "--report", page, "--verbose").succeeds();
    prune("--output", output("b"), "--report", json).succeeds();
    assertThat(Files.readString(page).codePoints().filter(c -> c != '\n' && c != 0x202f))
        .noneMatch(Character::isISOControl)
        .noneMatch(c -> Character.getType(c) == Character.FORMAT);
    assertThat(Files.readString(json)).doesNotContain("\u009b", "\u202e", "\u2028", "\u001b");
    assertThat(new JsonMapper().readTree(json.toFile()).get("modules").findValuesAsText("name"))
        .contains(MODULE);
    Ended holds = run("verify", "--dense", model, "--pruned", output("a"));
    assertThat(holds.exitCode()).as(holds.err()).isZero();
  }

  @Test
  void jsonHoldsThemAsEscapes() throws IOException {
    Ended said = run("inspect", "--model", model, "--json");
    JsonNode modules = new JsonMapper().readTree(said.out()).get("modules");
    assertThat(modules.findValuesAsText("name")).contains(MODULE);
    Ended failed =
        run(
            "prune",
            "--model",
            model,
            "--output",
            output("c"),
            "--pattern",
            "3:7",
            "--backend",
            "cpu",
            "--method",
            "magnitude",
            "--json");
    assertThat(new JsonMapper().readTree(failed.err()).get("tensor").textValue())
        .isIn(MODULE + ".weight", "model.layers.0.mlp.up_proj.weight");
  }

  @Test
  void verifyOfALyingRecord() throws IOException {
    prune("--output", output("a")).succeeds();
    Path record = output("a").resolve("wanda-cuda.json");
    String text = Files.readString(record);
    String digest = new JsonMapper().readTree(text).get("mask_sha256").textValue();
    Files.writeString(record, text.replace(digest, "\\u001b[2J\\nverified: all is well\\u202e"));
    Ended said = run("verify", "--dense", model, "--pruned", output("a"));
    assertThat(said.exitCode()).isEqualTo(5);
    assertThat(said.out()).startsWith("not verified:");
    run("verify", "--dense", model, "--pruned", output("a"), "--json", "--verbose");
  }

  @Test
  void dtypesAndMetadata() throws IOException {
    String header =
        "{\"model.layers.0.mlp.up_proj.weight\":{\"dtype\":\"\\u001b[31m\\nverified: all\\u202e\","
            + "\"shape\":[1,4],\"data_offsets\":[0,16]}}";
    byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
    java.nio.ByteBuffer file =
        java.nio.ByteBuffer.allocate(8 + bytes.length + 16).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    file.putLong(bytes.length).put(bytes);
    Files.write(model.resolve("model.safetensors"), file.array());
    run("inspect", "--model", model);
    run("inspect", "--model", model, "--json");
    Ended said = prune("--output", output("a"));
    assertThat(said.exitCode()).as(said.err()).isEqualTo(3);
  }

  @Test
  void filesThatAreRefused() throws IOException {
    String evil = "{\"" + quoted(EVIL) + "\": ";
    Path lines = Files.writeString(directory.resolve("a" + EVIL + ".jsonl"), evil + "1}\n");
    Path config = model.resolve("config.json");
    Files.writeString(config, "{\"architectures\": [\"" + quoted(EVIL) + "\"]}");
    run("inspect", "--model", model);
    Files.writeString(config, "{\"model_type\": \"\\u001b\\nverified: all\"}");
    run("perplexity", "--model", model, "--text", lines);
    run("prune", "--model", model, "--output", output("a"), "--calibration", lines);
    run("prune", "--model", model, "--output", output("a"), "--statistics", lines);
    run("prune", "--model", model, "--output", output("a"), "--include", EVIL);
    run("prune" + EVIL, "--mo" + EVIL);
  }
}
