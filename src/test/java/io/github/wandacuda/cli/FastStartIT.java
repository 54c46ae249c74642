package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.IOException;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** The program's jar is as {@code src/build/FastStart.java} makes it. */
class FastStartIT {
  private static final String PROGRAM = "target/wanda-cuda.jar";
  private static final int JAVA_8 = 52;

  @Test
  void classesThatAStartLoadsNeedNoInflating() throws IOException {
    try (JarFile jar = new JarFile(PROGRAM)) {
      for (String name :
          new String[] {
            "picocli/CommandLine.class",
            "io/github/wandacuda/launcher/Launcher.class",
            "io/github/wandacuda/jackson/core/JsonFactory.class",
            "io/github/wandacuda/jackson/databind/node/ObjectNode.class"
          }) {
        assertThat(jar.getJarEntry(name).getMethod()).as(name).isEqualTo(JarEntry.STORED);
      }
    }
  }

  /** Java verifies older ones for longer. */
  @Test
  void theParserOfOptionsHasStackMaps() throws IOException {
    int classes = 0;
    try (JarFile jar = new JarFile(PROGRAM)) {
      for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator) {
        if (entry.getName().matches("picocli/.*[.]class")) {
          assertThat(version(jar, entry)).as(entry.getName()).isGreaterThanOrEqualTo(JAVA_8);
          classes++;
        }
      }
    }
    assertThat(classes).isGreaterThan(100);
  }

  private static int version(JarFile jar, JarEntry entry) throws IOException {
    try (DataInputStream data = new DataInputStream(jar.getInputStream(entry))) {
      data.skipNBytes(Integer.BYTES + Short.BYTES);
      return data.readUnsignedShort();
    }
  }
}
