package io.github.wandacuda.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A browser without a window.
 *
 * @param program Chromium
 * @param profile a directory of its own
 */
record Browser(Path program, Path profile) {
  private static final int SECONDS = 60;

  /** Returns the browser that is installed. */
  static Optional<Browser> installed(Path profile) {
    return Arrays.stream(System.getenv("PATH").split(":"))
        .flatMap(folder -> Stream.of("chromium", "google-chrome").map(Path.of(folder)::resolve))
        .filter(Files::isExecutable)
        .findFirst()
        .map(program -> new Browser(program, profile));
  }

  /**
   * What came of showing a page.
   *
   * @param html the page after its scripts
   * @param console what was logged
   */
  record Shown(String html, List<String> console) {}

  /** Shows a page. */
  Shown show(Path page, int width) throws IOException, InterruptedException {
    Path console = profile.resolve("console.txt");
    Path html = profile.resolve("page.txt");
    run(html, console, width, "--dump-dom", "--enable-logging=stderr", page.toUri().toString());
    return new Shown(
        Files.readString(html),
        Files.readAllLines(console, StandardCharsets.ISO_8859_1).stream()
            .filter(line -> line.contains("CONSOLE"))
            .toList());
  }

  /** Takes a picture of a page. */
  void picture(Path page, int width, int height, Path png)
      throws IOException, InterruptedException {
    run(
        profile.resolve("page.txt"),
        profile.resolve("console.txt"),
        width,
        height,
        "--screenshot=" + png.toAbsolutePath(),
        page.toUri().toString());
  }

  private void run(Path out, Path err, int width, String... more)
      throws IOException, InterruptedException {
    run(out, err, width, 1000, more);
  }

  private void run(Path out, Path err, int width, int height, String... more)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of(program.toString(), "--headless", "--no-sandbox"));
    words.addAll(List.of("--disable-gpu", "--disable-quic", "--no-first-run"));
    words.addAll(List.of("--disable-background-networking", "--disable-component-update"));
    words.addAll(List.of("--disable-sync", "--hide-scrollbars", "--force-device-scale-factor=1"));
    words.add("--user-data-dir=" + profile);
    words.add("--window-size=%d,%d".formatted(width, height));
    words.addAll(List.of(more));
    Process process =
        new ProcessBuilder(words).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("the browser didn't end: " + Files.readString(err));
    }
  }
}
