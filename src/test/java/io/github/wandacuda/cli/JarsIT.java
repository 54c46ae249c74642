package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.DataInputStream;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The jars say what they are made of, the same in every build, and under which licences; the
 * program's is as {@code src/build/FastStart.java} makes it.
 */
class JarsIT {
  private static final String PROGRAM = "target/wanda-cuda.jar";
  private static final int JAVA_8 = 52;

  private static String text(String file, String name) throws IOException {
    try (JarFile jar = new JarFile(file)) {
      JarEntry entry = jar.getJarEntry(name);
      assertThat(entry).as("%s in %s", name, file).isNotNull();
      return new String(jar.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static JsonNode bill(String file) throws IOException {
    // Maven leaves it out when it is offline.
    return JsonMapper.builder().build().readTree(text(file, "META-INF/sbom/bom.json"));
  }

  /** Returns the jar that programs depend on, whose name has the version. */
  private static String library() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("target"))) {
      List<String> found =
          files
              .map(Path::toString)
              .filter(name -> name.matches(".*wanda-cuda-[0-9.]+\\.jar"))
              .toList();
      assertThat(found).hasSize(1);
      return found.getFirst();
    }
  }

  @Test
  void bothJarsHaveLicenceAndNotice() throws IOException {
    for (String jar : List.of(PROGRAM, library())) {
      assertThat(text(jar, "META-INF/LICENSE")).isEqualTo(Files.readString(Path.of("LICENSE")));
      assertThat(text(jar, "META-INF/NOTICE")).isEqualTo(Files.readString(Path.of("NOTICE")));
    }
  }

  @Test
  void sourcesAreBesideTheLibrary() throws IOException {
    try (JarFile sources = new JarFile(library().replace(".jar", "-sources.jar"));
        JarFile classes = new JarFile(library())) {
      assertThat(sources.getJarEntry("io/github/wandacuda/Mask.java")).isNotNull();
      assertThat(classes.getJarEntry("io/github/wandacuda/Mask.class")).isNotNull();
    }
  }

  @Test
  void thePageSaysHowLargeTheLibraryIs() throws IOException {
    String page = Files.readString(Path.of("src/site/markdown/library.md"));
    Matcher said = Pattern.compile("a jar of (\\d+\\.\\d) MB").matcher(page);
    assertThat(said.find()).isTrue();
    double size = Files.size(Path.of(library())) / 1e6;
    assertThat(Double.parseDouble(said.group(1))).isCloseTo(size, within(0.2));
  }

  @Test
  void theNoticeNamesEveryLibrary() throws IOException {
    List<String> words = List.of(Files.readString(Path.of("NOTICE")).split("[\\s,]+"));
    for (JsonNode component : bill(PROGRAM).get("components")) {
      assertThat(words).contains(component.get("name").asText());
    }
  }

  /** A program that has a jar of ours in its class path keeps its own logging. */
  @Test
  void noJarConfiguresLogging() throws IOException {
    for (String file : List.of(PROGRAM, library())) {
      try (JarFile jar = new JarFile(file)) {
        assertThat(jar.stream().map(JarEntry::getName))
            .doesNotContain(
                "simplelogger.properties", "META-INF/services/org.slf4j.spi.SLF4JServiceProvider");
      }
    }
  }

  @Test
  void theLibraryHoldsNothingOfOthers() throws IOException {
    try (JarFile jar = new JarFile(library())) {
      assertThat(jar.stream().map(JarEntry::getName).filter(name -> name.endsWith(".class")))
          .allMatch(name -> name.matches("io/github/wandacuda/.*|module-info[.]class"));
    }
    try (JarFile jar = new JarFile(PROGRAM)) {
      assertThat(jar.getJarEntry("module-info.class")).isNull();
      assertThat(jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name")).isNull();
    }
  }

  /** What the class path finds in {@code META-INF/services}, the module path finds as well. */
  @Test
  void theLibraryIsAModule() throws IOException {
    ModuleDescriptor module =
        ModuleFinder.of(Path.of(library())).find("io.github.wandacuda").orElseThrow().descriptor();
    assertThat(module.isAutomatic()).isFalse();
    assertThat(module.rawVersion().map(library()::contains)).contains(true);
    assertThat(module.exports().stream().map(ModuleDescriptor.Exports::source))
        .containsExactlyInAnyOrder("io.github.wandacuda", "io.github.wandacuda.library");
    Map<String, Set<String>> provided = new TreeMap<>();
    for (ModuleDescriptor.Provides each : module.provides()) {
      provided.put(each.service(), Set.copyOf(each.providers()));
    }
    Map<String, Set<String>> services = new TreeMap<>();
    String prefix = "META-INF/services/";
    try (JarFile jar = new JarFile(library())) {
      for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator) {
        if (entry.getName().startsWith(prefix) && !entry.isDirectory()) {
          services.put(
              entry.getName().substring(prefix.length()),
              Set.copyOf(text(library(), entry.getName()).lines().toList()));
        }
      }
    }
    assertThat(provided).isEqualTo(services);
    assertThat(module.uses()).isEqualTo(services.keySet());
  }

  /** Spark has a Jackson of its own, and refuses every other one in its class path. */
  @Test
  void jacksonHasAPackageOfItsOwn() throws IOException {
    try (JarFile jar = new JarFile(PROGRAM)) {
      List<String> names = jar.stream().map(JarEntry::getName).toList();
      assertThat(names)
          .contains(
              "io/github/wandacuda/jackson/core/JsonFactory.class",
              "META-INF/services/io.github.wandacuda.jackson.core.JsonFactory")
          .noneMatch(name -> name.matches("(.*/)?com[/.]fasterxml[/.]jackson/.*[.]class"))
          .noneMatch(name -> name.startsWith("META-INF/services/com.fasterxml"));
      for (String name : names) {
        if (name.startsWith("io/github/wandacuda/") && name.endsWith(".class")) {
          byte[] bytes = jar.getInputStream(jar.getJarEntry(name)).readAllBytes();
          assertThat(new String(bytes, StandardCharsets.ISO_8859_1))
              .as(name)
              .doesNotContain("com/fasterxml/jackson");
        }
      }
    }
  }

  @Test
  void theBillNamesWhatIsInTheJar() throws IOException {
    JsonNode bill = bill(PROGRAM);
    assertThat(bill.get("bomFormat").asText()).isEqualTo("CycloneDX");
    assertThat(bill.has("serialNumber")).isFalse();
    assertThat(bill.get("metadata").has("timestamp")).isFalse();
    List<String> names = new ArrayList<>();
    for (JsonNode component : bill.get("components")) {
      names.add(component.get("name").asText());
      assertThat(component.get("version").asText()).isNotEmpty();
      assertThat(component.get("purl").asText()).startsWith("pkg:maven/");
      assertThat(component.get("hashes")).as(component.get("name").asText()).isNotEmpty();
    }
    assertThat(names)
        .contains("picocli", "jackson-databind", "tokenizers", "jcuda", "jocl", "slf4j-simple")
        .doesNotContain("junit-jupiter", "jazzer-junit");
  }

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
