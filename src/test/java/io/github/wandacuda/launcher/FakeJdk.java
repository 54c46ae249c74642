package io.github.wandacuda.launcher;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes what the launcher looks at in a JDK's directory. */
final class FakeJdk {
  static final String MODULES = "MODULES=\"java.base jdk.incubator.vector jdk.zipfs\"";

  private FakeJdk() {}

  /** A JDK of that version, which has the module. */
  static Path at(Path home, String version) {
    return withRelease(home, "JAVA_VERSION=\"" + version + "\"\n" + MODULES + "\n");
  }

  /** A JDK with that text in the file {@code release}. */
  static Path withRelease(Path home, String release) {
    try {
      Files.createDirectories(home.resolve("bin"));
      Path java = Files.createFile(home.resolve("bin").resolve(JavaHome.COMMAND));
      if (!java.toFile().setExecutable(true)) {
        throw new IllegalStateException("can't make " + java + " executable");
      }
      Files.writeString(home.resolve("release"), release);
      return home;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
