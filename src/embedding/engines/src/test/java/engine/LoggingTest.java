package engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A host with a logging of its own keeps it, and finds nothing of wanda-cuda's in its way. */
class LoggingTest {
  @Test
  void theHostsLoggingStaysAsItIs() {
    LoggerContext context =
        assertInstanceOf(LoggerContext.class, LoggerFactory.getILoggerFactory());
    Map<String, Object> before = configuration(context);
    Map<Object, Object> properties = Map.copyOf(System.getProperties());
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try (Pruner pruner = Pruner.open()) {
      float[] weights = {3, -1, 2, 0.5f, -4, 5, -6, 7};
      WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 2, 4);
      pruner.prune(matrix, Criterion.magnitude(), new Sparsity.GroupPattern(2, 4));
    } finally {
      System.setErr(err);
    }
    assertEquals("", printed.toString(StandardCharsets.UTF_8));
    assertEquals(out, System.out);
    assertEquals(before, configuration(context));
    assertEquals(properties, Map.copyOf(System.getProperties()));
  }

  @Test
  void nothingOfItsJarIsThereTwice() throws IOException, URISyntaxException {
    Path jar = Path.of(Pruner.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<String> files;
    try (JarFile opened = new JarFile(jar.toFile())) {
      files =
          opened.stream()
              .filter(entry -> !entry.isDirectory())
              .map(JarEntry::getName)
              .filter(name -> !name.startsWith("META-INF/") && !name.equals("module-info.class"))
              .toList();
    }
    assertTrue(files.contains("io/github/wandacuda/library/Pruner.class"));
    for (String file : files) {
      assertEquals(1, found(file).size(), () -> file + " is in more than one jar");
    }
    System.out.printf("wanda-cuda's jar: %d files, each there once%n", files.size());
  }

  @Test
  void itBringsNoLoggingAndNoCommandLine() throws IOException {
    assertEquals(1, found("META-INF/services/org.slf4j.spi.SLF4JServiceProvider").size());
    for (String file :
        List.of("simplelogger.properties", "logback.xml", "picocli/CommandLine.class")) {
      assertEquals(List.of(), found(file));
    }
  }

  private static List<URL> found(String file) throws IOException {
    return Collections.list(LoggingTest.class.getClassLoader().getResources(file));
  }

  private static Map<String, Object> configuration(LoggerContext context) {
    Map<String, Object> levels = new TreeMap<>();
    for (Logger logger : context.getLoggerList()) {
      if (logger.getLevel() != null) {
        levels.put(logger.getName(), logger.getLevel());
      }
    }
    return levels;
  }
}
