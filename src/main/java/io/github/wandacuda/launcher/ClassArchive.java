package io.github.wandacuda.launcher;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/**
 * The archive of the program's classes (class-data sharing) that a start with the Vector API maps
 * into memory, instead of reading classes from the jar and verifying them. The program makes it
 * after the first command that ended well ({@link io.github.wandacuda.system.ArchiveRequest}).
 *
 * <p>The JVM takes an archive only if it was made by the same build of Java from a jar of the same
 * name, size and time, and else goes on without a word. What it can't know is who made the file,
 * whose content is as good as code, so an archive is used and made only where {@link TrustedPaths}
 * finds nobody else. It isn't used beside most options of users: these may ask for another archive
 * or for none, or concern a debugger, which sees less of archived classes.
 */
final class ClassArchive {
  /**
   * Where the user says {@code off}, and where the launcher tells the program which file is
   * missing.
   */
  static final String PROPERTY = "wandacuda.archive";

  /** Characters with a meaning of their own in the JVM's option. */
  private static final Pattern UNFIT = Pattern.compile("(?s).*[:%].*");

  private ClassArchive() {}

  /**
   * Returns the options with which Java uses the archive, or the program makes it, or none.
   *
   * @param home the Java that runs the program
   * @param line the command line that it gets
   * @param options the launcher's options
   */
  static List<String> options(JavaHome home, CommandLine line, List<String> options) {
    String jar = line.jar();
    if (jar == null || !isLinux() || System.getProperty(PROPERTY) != null || hasVariables()) {
      return Collections.emptyList();
    }
    try {
      Path file = directory(System.getenv()).resolve(name(home, Paths.get(jar), options));
      if (UNFIT.matcher(file.toString()).matches()
          || TrustedPaths.ofThisProcess().objection(file) != null) {
        return Collections.emptyList();
      }
      return Files.isRegularFile(file)
          ? Arrays.asList("-XX:SharedArchiveFile=" + file, "-Xlog:cds*=off,aot*=off:stderr")
          : Collections.singletonList("-D" + PROPERTY + "=" + file);
    } catch (IOException | RuntimeException none) {
      return Collections.emptyList();
    }
  }

  private static boolean isLinux() {
    return System.getProperty("os.name").equals("Linux");
  }

  private static boolean hasVariables() {
    for (String value : CommandLine.ofVariables(System.getenv())) {
      if (!value.isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /** Returns where the user's archives are. */
  static Path directory(Map<String, String> environment) {
    String caches = environment.getOrDefault("XDG_CACHE_HOME", "");
    // A relative path is ignored, as the XDG base directory specification says.
    Path base =
        caches.startsWith("/")
            ? Paths.get(caches)
            : Paths.get(System.getProperty("user.home"), ".cache");
    return base.resolve("wanda-cuda").resolve("java");
  }

  /** Returns a name that differs where the JVM would refuse the archive. */
  private static String name(JavaHome home, Path jar, List<String> options) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(jar, BasicFileAttributes.class);
    String text =
        home.path() + "\n" + home.version() + "\n" + jar.toAbsolutePath() + "\n" + options;
    CRC32 sum = new CRC32();
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    sum.update(bytes, 0, bytes.length);
    return Long.toHexString(sum.getValue())
        + "-"
        + Long.toHexString(attributes.size())
        + "-"
        + Long.toHexString(attributes.lastModifiedTime().toMillis())
        + ".jsa";
  }
}
