package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
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

  private record Said(int exitCode, String out, String err, String log) {}

  private static Said run(Object... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    PrintStream before = System.err;
    System.setErr(new PrintableStream(log, true, StandardCharsets.UTF_8));
    try {
      int exitCode =
          new WandaCuda(
                  new PrintStream(out, true, StandardCharsets.UTF_8),
                  new Stderr(new PrintStream(err, true, StandardCharsets.UTF_8)))
              .run(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
      return new Said(exitCode, text(out), text(err), text(log));
    } finally {
      System.setErr(before);
    }
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Checks that all that was said is plain, and that no line begins as the forged one. */
  private static Said plain(Said said) {
    for (String text : List.of(said.out(), said.err(), said.log())) {
      assertThat(text.codePoints().filter(c -> c != '\n' && c != '\t'))
          .as(text)
          .noneMatch(Character::isISOControl)
          .noneMatch(c -> Character.getType(c) == Character.FORMAT)
          .noneMatch(c -> Character.getType(c) == Character.LINE_SEPARATOR);
      assertThat(text.lines()).as(text).noneMatch(line -> line.startsWith("verified: all"));
    }
    return said;
  }

  private Path output(String name) {
    return directory.resolve(name + EVIL);
  }

  private Said prune(Object... more) {
    Object[] common = {"prune", "--model", model, "--backend", "cpu", "--method", "magnitude"};
    return plain(run(Stream.of(common, more).flatMap(Arrays::stream).toArray()));
  }

  @Test
  void inspectAndPruneAndVerify() throws IOException {
    Said seen = plain(run("inspect", "--model", model));
    assertThat(seen.exitCode()).as(seen.err()).isZero();
    assertThat(seen.out()).contains("\\u001b[2J\\u0007");
    Path page = directory.resolve("report.html");
    Path json = directory.resolve("report.json");
    assertThat(prune("--output", output("dry"), "--dry-run").exitCode()).isZero();
    assertThat(prune("--output", output("a"), "--report", page, "--verbose").exitCode()).isZero();
    assertThat(prune("--output", output("b"), "--report", json).exitCode()).isZero();
    assertThat(Files.readString(page).codePoints().filter(c -> c != '\n' && c != 0x202f))
        .noneMatch(Character::isISOControl)
        .noneMatch(c -> Character.getType(c) == Character.FORMAT);
    assertThat(Files.readString(json)).doesNotContain("\u009b", "\u202e", "\u2028", "\u001b");
    assertThat(new JsonMapper().readTree(json.toFile()).get("modules").findValuesAsText("name"))
        .contains(MODULE);
    Said holds = plain(run("verify", "--dense", model, "--pruned", output("a")));
    assertThat(holds.exitCode()).as(holds.err()).isZero();
  }

  @Test
  void jsonHoldsThemAsEscapes() throws IOException {
    Said said = plain(run("inspect", "--model", model, "--json"));
    JsonNode modules = new JsonMapper().readTree(said.out()).get("modules");
    assertThat(modules.findValuesAsText("name")).contains(MODULE);
    Said failed =
        plain(
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
                "--json"));
    assertThat(new JsonMapper().readTree(failed.err()).get("tensor").textValue())
        .isIn(MODULE + ".weight", "model.layers.0.mlp.up_proj.weight");
  }

  @Test
  void verifyOfALyingRecord() throws IOException {
    assertThat(prune("--output", output("a")).exitCode()).isZero();
    Path record = output("a").resolve("wanda-cuda.json");
    String text = Files.readString(record);
    String digest = new JsonMapper().readTree(text).get("mask_sha256").textValue();
    Files.writeString(record, text.replace(digest, "\\u001b[2J\\nverified: all is well\\u202e"));
    Said said = plain(run("verify", "--dense", model, "--pruned", output("a")));
    assertThat(said.exitCode()).isEqualTo(5);
    assertThat(said.out()).startsWith("not verified:");
    plain(run("verify", "--dense", model, "--pruned", output("a"), "--json", "--verbose"));
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
    plain(run("inspect", "--model", model));
    plain(run("inspect", "--model", model, "--json"));
    Said said = prune("--output", output("a"));
    assertThat(said.exitCode()).as(said.err()).isEqualTo(3);
  }

  @Test
  void filesThatAreRefused() throws IOException {
    String evil = "{\"" + quoted(EVIL) + "\": ";
    Path lines = Files.writeString(directory.resolve("a" + EVIL + ".jsonl"), evil + "1}\n");
    Path config = model.resolve("config.json");
    Files.writeString(config, "{\"architectures\": [\"" + quoted(EVIL) + "\"]}");
    plain(run("inspect", "--model", model));
    Files.writeString(config, "{\"model_type\": \"\\u001b\\nverified: all\"}");
    plain(run("perplexity", "--model", model, "--text", lines));
    plain(run("prune", "--model", model, "--output", output("a"), "--calibration", lines));
    plain(run("prune", "--model", model, "--output", output("a"), "--statistics", lines));
    plain(run("prune", "--model", model, "--output", output("a"), "--include", EVIL));
    plain(run("prune" + EVIL, "--mo" + EVIL));
  }
}
