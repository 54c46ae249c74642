package io.github.wandacuda.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/**
 * A jar with the manifest and the launcher of the built jar, but with a program of the tests' own
 * in the place of the real one.
 */
final class ProbeJar {
  static final Path BUILT = Path.of("target/wanda-cuda.jar");

  private static final Path PROGRAM = Path.of("src/test/resources/launcher/Main.java");
  private static final String PACKAGES = "io/github/wandacuda/";

  private ProbeJar() {}

  /** Writes the jar into a directory that is there. */
  static Path in(Path directory) throws IOException {
    Path classes = Files.createDirectories(directory.resolve("classes"));
    compile(classes);
    Path jar = directory.resolve("the probe.jar");
    try (JarFile built = new JarFile(BUILT.toFile());
        OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file, built.getManifest())) {
      for (JarEntry entry : launcher(built)) {
        try (InputStream in = built.getInputStream(entry)) {
          add(out, entry.getName(), in.readAllBytes());
        }
      }
      for (Path path : files(classes)) {
        add(out, classes.relativize(path).toString(), Files.readAllBytes(path));
      }
    }
    return jar;
  }

  /** The classes that start the program. */
  static List<JarEntry> launcher(JarFile built) {
    return built.stream()
        .filter(
            entry -> entry.getName().matches(PACKAGES + "(launcher|system|error)/[^/]*\\.class"))
        .toList();
  }

  private static void compile(Path classes) {
    int failed =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, "-d", classes.toString(), PROGRAM.toString());
    if (failed != 0) {
      throw new IllegalStateException("javac refused " + PROGRAM);
    }
  }

  private static List<Path> files(Path directory) {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void add(JarOutputStream out, String name, byte[] content) throws IOException {
    out.putNextEntry(new JarEntry(name));
    out.write(content);
    out.closeEntry();
  }
}
