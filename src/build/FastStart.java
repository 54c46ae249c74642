import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Rewrites the program's jar so that Java starts it with less work. What the classes do stays as it
 * is.
 *
 * <ul>
 *   <li>The classes that a start loads some of are stored, not deflated. Inflating them took 5 % of
 *       the processor time of {@code inspect}; the jar gets 15 % larger.
 *   <li>picocli's are compiled for Java 5. Java takes longer to verify such classes. They get the
 *       version of Java 8 and the stack maps that belong to it, which saves another 2 to 3 %.
 * </ul>
 *
 * <pre>java src/build/FastStart.java target/wanda-cuda.jar</pre>
 */
public class FastStart {
  private static final String PARSER_OF_OPTIONS = "picocli/";
  private static final String PROGRAM = "io/github/wandacuda/";

  /** Large, and most of it is never loaded. */
  private static final String BINDING = PROGRAM + "jackson/databind/";

  private static final String TREE = BINDING + "node/";

  public static void main(String[] args) throws IOException {
    Path jar = Path.of(args[0]);
    Path rewritten = Path.of(args[0] + ".tmp");
    Map<ZipEntry, byte[]> entries = read(jar);
    try (OutputStream file = Files.newOutputStream(rewritten);
        ZipOutputStream zip = new ZipOutputStream(file)) {
      ClassFile classes = classes(entries);
      for (Map.Entry<ZipEntry, byte[]> each : entries.entrySet()) {
        write(zip, each.getKey(), withStackMaps(classes, each.getKey(), each.getValue()));
      }
    }
    Files.move(rewritten, jar, StandardCopyOption.REPLACE_EXISTING);
  }

  private static Map<ZipEntry, byte[]> read(Path jar) throws IOException {
    Map<ZipEntry, byte[]> entries = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(ZipEntry.class::cast)::iterator) {
        try (InputStream bytes = zip.getInputStream(entry)) {
          entries.put(entry, bytes.readAllBytes());
        }
      }
    }
    return entries;
  }

  private static void write(ZipOutputStream zip, ZipEntry from, byte[] bytes) throws IOException {
    ZipEntry to = new ZipEntry(from.getName());
    to.setTimeLocal(from.getTimeLocal());
    if (isLoadedEarly(from.getName())) {
      CRC32 sum = new CRC32();
      sum.update(bytes);
      to.setMethod(ZipEntry.STORED);
      to.setSize(bytes.length);
      to.setCrc(sum.getValue());
    }
    zip.putNextEntry(to);
    zip.write(bytes);
    zip.closeEntry();
  }

  private static boolean isLoadedEarly(String name) {
    return name.endsWith(".class")
        && (name.startsWith(PARSER_OF_OPTIONS) || name.startsWith(PROGRAM))
        && (!name.startsWith(BINDING) || name.startsWith(TREE));
  }

  private static byte[] withStackMaps(ClassFile classes, ZipEntry entry, byte[] bytes) {
    if (!entry.getName().startsWith(PARSER_OF_OPTIONS) || !entry.getName().endsWith(".class")) {
      return bytes;
    }
    ClassModel old = classes.parse(bytes);
    if (old.majorVersion() > ClassFile.JAVA_8_VERSION) {
      return bytes;
    }
    byte[] result =
        classes.transformClass(
            old,
            (builder, element) -> {
              switch (element) {
                case ClassFileVersion version -> builder.withVersion(ClassFile.JAVA_8_VERSION, 0);
                case MethodModel method ->
                    builder.transformMethod(
                        method, MethodTransform.transformingCode(CodeTransform.ACCEPT_ALL));
                default -> builder.with(element);
              }
            });
    List<VerifyError> errors = classes.verify(result);
    if (!errors.isEmpty()) {
      throw new IllegalStateException(entry + ": " + errors.getFirst());
    }
    return result;
  }

  /** Returns what knows the parser's own classes, which stack maps are made from, and Java's. */
  private static ClassFile classes(Map<ZipEntry, byte[]> entries) {
    Map<String, byte[]> own = new LinkedHashMap<>();
    entries.forEach((entry, bytes) -> own.put(entry.getName(), bytes));
    ClassHierarchyResolver resolver =
        ClassHierarchyResolver.ofResourceParsing((ClassDesc type) -> stream(own.get(path(type))))
            .orElse(ClassHierarchyResolver.defaultResolver());
    return ClassFile.of(
        ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
        ClassFile.ClassHierarchyResolverOption.of(resolver));
  }

  private static String path(ClassDesc type) {
    String descriptor = type.descriptorString();
    return descriptor.substring(1, descriptor.length() - 1) + ".class";
  }

  private static InputStream stream(byte[] bytes) {
    return bytes == null ? null : new ByteArrayInputStream(bytes);
  }
}
