package io.github.wandacuda;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Holds the dependencies that the site's page of the architecture draws. */
@AnalyzeClasses(packages = "io.github.wandacuda", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "io.github.wandacuda.";

  /** From the lowest up: each package uses those before it alone. */
  private static final List<String> PACKAGES =
      List.of(
          """
          io.github.wandacuda error system io text select forward scalar simd
          backend backend.cpu backend.gpu backend.cuda backend.opencl checkpoint checkpoint.gguf
          model.quantized model model.family model.removal
          calibration evaluate pruning.recipe pruning.mask pruning.fit backend.check pruning pruning.tune cluster
          job.record job.output job.verify job.estimate job.cluster job.pack job.convert job.structure
          job.prune job.compare hub report library cli.option cli launcher\
          """
              .split("\\s+"));

  /** Found by their service files, so that nothing but themselves names them. */
  private static final List<String> BACKENDS =
      List.of("backend.cpu", "backend.cuda", "backend.opencl");

  private static final Path SOURCES = Path.of("src/main/java/io/github/wandacuda");
  private static final Pattern NAMED =
      Pattern.compile("io\\.github\\.wandacuda((?:\\.[a-z]+)*)\\.[A-Z]");
  private static final Path PAGE = Path.of("src/site/markdown/architecture.md");
  private static final Pattern DRAWN = Pattern.compile("^([a-z.]+) +─▶ (.+)$", Pattern.MULTILINE);
  private static final Set<String> UNDRAWN = Set.of("io.github.wandacuda", "error", "system", "io");
  private static final Pattern PACKAGE_ROW = Pattern.compile("^\\| `([a-z.]+)` \\|");

  @ArchTest
  static final ArchRule PACKAGES_USE_THOSE_BELOW_ALONE =
      classes()
          .should(
              new ClassCondition("use the packages listed before its own alone") {
                @Override
                public void check(JavaClass from, ConditionEvents events) {
                  int own = PACKAGES.indexOf(packageOf(from));
                  if (own < 0) {
                    violated(events, from, from.getPackageName() + " is not listed");
                  }
                  for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
                    JavaClass target = dependency.getTargetClass().getBaseComponentType();
                    if (target.getPackageName().startsWith(ROOT)
                        && PACKAGES.indexOf(packageOf(target)) > own) {
                      violated(events, from, dependency.getDescription());
                    }
                  }
                }
              });

  /** What documentation alone links to shows in no class. */
  @ArchTest
  static void documentationNamesPackagesBelowAlone(JavaClasses classes) throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
        String own = SOURCES.relativize(file.getParent()).toString().replace('/', '.');
        Matcher named = NAMED.matcher(Files.readString(file));
        while (named.find()) {
          assertThat(rank(named.group(1)))
              .as("%s names %s", file, named.group())
              .isBetween(0, rank("." + own));
        }
      }
    }
  }

  /** Returns the place in the list of a package below the root, whose name begins with a dot. */
  private static int rank(String below) {
    return PACKAGES.indexOf(below.length() > 1 ? below.substring(1) : PACKAGES.getFirst());
  }

  @ArchTest
  static final ArchRule PACKAGES_FORM_NO_CYCLES =
      slices().matching(ROOT + "(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule NOTHING_NAMES_A_BACKEND =
      classes()
          .should(
              new ClassCondition("name no backend but their own") {
                @Override
                public void check(JavaClass from, ConditionEvents events) {
                  for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
                    String target = packageOf(dependency.getTargetClass().getBaseComponentType());
                    if (BACKENDS.contains(target) && !target.equals(packageOf(from))) {
                      violated(events, from, dependency.getDescription());
                    }
                  }
                }
              });

  /** The page that readers go by has the same packages in the same order. */
  @ArchTest
  static void theArchitecturePageListsThem(JavaClasses classes) throws IOException {
    List<String> rows =
        Files.readAllLines(PAGE).stream()
            .map(PACKAGE_ROW::matcher)
            .filter(Matcher::find)
            .map(row -> row.group(1))
            .toList();
    assertThat(rows).isEqualTo(PACKAGES);
    assertThat(topLevel(classes).map(ArchitectureTest::packageOf).distinct())
        .containsExactlyInAnyOrderElementsOf(PACKAGES);
  }

  /**
   * The page's diagram has the edges between floors, those that others imply left out. Packages
   * that nearly everything uses aren't drawn.
   */
  @ArchTest
  static void theArchitecturePageDrawsTheirUse(JavaClasses classes) throws IOException {
    SortedMap<String, SortedSet<String>> uses = new TreeMap<>();
    for (JavaClass from : classes) {
      for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        if (target.getPackageName().startsWith(ROOT) && !target.getPackageName().equals(ROOT)) {
          uses.computeIfAbsent(floor(from), unused -> new TreeSet<>()).add(floor(target));
        }
      }
    }
    uses.keySet().removeAll(UNDRAWN);
    uses.forEach((from, to) -> to.removeIf(each -> UNDRAWN.contains(each) || each.equals(from)));
    SortedMap<String, SortedSet<String>> direct = new TreeMap<>();
    uses.forEach(
        (from, to) -> {
          SortedSet<String> others = new TreeSet<>(to);
          to.forEach(through -> others.removeAll(reached(through, uses)));
          if (!others.isEmpty()) {
            direct.put(from, others);
          }
        });
    SortedMap<String, SortedSet<String>> drawn = new TreeMap<>();
    Matcher edges = DRAWN.matcher(Files.readString(PAGE));
    while (edges.find()) {
      drawn.put(edges.group(1), new TreeSet<>(List.of(edges.group(2).split(", "))));
    }
    assertThat(drawn).isEqualTo(direct);
  }

  private static SortedSet<String> reached(String from, Map<String, SortedSet<String>> uses) {
    SortedSet<String> reached = new TreeSet<>();
    for (String each : uses.getOrDefault(from, new TreeSet<>())) {
      reached.add(each);
      reached.addAll(reached(each, uses));
    }
    return reached;
  }

  /** Returns a package's room in the diagram: backends by themselves, others with their parts. */
  private static String floor(JavaClass type) {
    String name = packageOf(type);
    return name.startsWith("backend") ? name : name.replaceFirst("\\..*", "");
  }

  @ArchTest
  static void noTwoTypesShareAName(JavaClasses classes) {
    assertThat(topLevel(classes).map(JavaClass::getSimpleName))
        .isNotEmpty()
        .doesNotHaveDuplicates();
  }

  private static Stream<JavaClass> topLevel(JavaClasses classes) {
    return classes.stream()
        .filter(JavaClass::isTopLevelClass)
        .filter(type -> !type.getSimpleName().equals("package-info"));
  }

  private static String packageOf(JavaClass from) {
    String name = from.getPackageName();
    return name.startsWith(ROOT) ? name.substring(ROOT.length()) : name;
  }

  private abstract static class ClassCondition extends ArchCondition<JavaClass> {
    ClassCondition(String description) {
      super(description);
    }

    static void violated(ConditionEvents events, JavaClass from, String what) {
      events.add(SimpleConditionEvent.violated(from, what));
    }
  }

  @ArchTest
  static final ArchRule VECTOR_API_STAYS_WITH_THE_VECTOR_KERNELS =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "simd")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jdk.incubator.vector..");

  /** A class of JCuda or JOCL that is loaded elsewhere fails where there is no such driver. */
  @ArchTest
  static final ArchRule JCUDA_STAYS_WITH_CUDA =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "backend.cuda")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jcuda..");

  @ArchTest
  static final ArchRule JOCL_STAYS_WITH_OPENCL =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "backend.opencl")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.jocl..");

  @ArchTest
  static final ArchRule GPUS_ARE_USED_BY_THEIR_BACKENDS_ALONE =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              ROOT + "backend.gpu", ROOT + "backend.cuda", ROOT + "backend.opencl")
          .should()
          .dependOnClassesThat()
          .resideInAPackage(ROOT + "backend.gpu");

  @ArchTest
  static final ArchRule COMMAND_LINE_LIBRARY_STAYS_IN_THE_COMMAND_LINE =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "cli..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("picocli..");

  /**
   * Stdout and stderr are reached through {@code PrintableStream} alone, which {@code Main} puts in
   * their place for logging too. The launcher runs before that, with nothing from a file to say;
   * the tokenizer's process speaks to this one, not to a terminal.
   */
  @ArchTest
  static final ArchRule STANDARD_STREAMS_ARE_PRINTED_TO_IN_ONE_PLACE =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "launcher..")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "cli.Main")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "text.TokenizerServer")
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err")
          .orShould()
          .accessField(FileDescriptor.class, "out")
          .orShould()
          .accessField(FileDescriptor.class, "err")
          .orShould()
          .callMethod(System.class, "setOut", PrintStream.class)
          .orShould()
          .callMethod(System.class, "setErr", PrintStream.class)
          .orShould()
          .callMethod(Throwable.class, "printStackTrace");

  /** What prints, prints lines: bytes, and streams of other kinds, would go round the escapes. */
  @ArchTest
  static final ArchRule PRINTERS_ARE_PRINTABLE_STREAMS =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "launcher..")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "cli.PrintableStream")
          .should()
          .callConstructorWhere(
              JavaCall.Predicates.target(
                  HasOwner.Predicates.With.owner(
                      JavaClass.Predicates.type(PrintStream.class)
                          .or(JavaClass.Predicates.type(PrintWriter.class)))));

  /**
   * Files of the system and those that only this program makes, which it opens itself; and {@code
   * WrongFile}, which looks at a file that was refused, if it is a regular one.
   */
  private static final String OWN_FILES =
      "InputFile|InputException\\$WrongFile|MachineFacts|OwnUser|SpaceCheck|MemoryWatch|Journal|FileModes|StateFiles|AtomicWrite|ShardWriter"
          + "|DirectIo\\$FileOpener|GgufCopy|GgufZerosWriter|GgufExportWriter|WrittenShard|SharedFile|Part\\$PartLock|ReservedFile|Folders|Documents\\$Gunzip|DownloadFolder";

  private static final DescribedPredicate<JavaCall<?>> READS =
      DescribedPredicate.describe(
          "open files to read them",
          call ->
              (call.getTargetOwner().isEquivalentTo(Files.class)
                      && call.getName()
                          .matches(
                              "new(InputStream|ByteChannel|BufferedReader)"
                                  + "|read(AllBytes|String|AllLines)|lines"))
                  || (call.getTargetOwner().isEquivalentTo(FileChannel.class)
                      && call.getName().equals("open"))
                  || call.getTargetOwner().isAssignableTo(FileInputStream.class)
                  || call.getTargetOwner().isAssignableTo(RandomAccessFile.class));

  /** A file that isn't regular makes whoever opens it wait for ever. */
  @ArchTest
  static final ArchRule FILES_ARE_OPENED_IN_ONE_PLACE =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "launcher..")
          .and()
          .haveNameNotMatching(".*\\.(" + OWN_FILES + ")")
          .should()
          .callCodeUnitWhere(READS);

  /** What may open a connection; SECURITY.md says that nothing else does. */
  @ArchTest
  static final ArchRule THE_HUB_ALONE_OPENS_CONNECTIONS =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "hub")
          .should()
          .dependOnClassesThat(
              DescribedPredicate.describe(
                  "open connections",
                  type ->
                      type.getName()
                          .matches(
                              "java\\.net\\.(http\\..*|.*Socket|.*Connection)"
                                  + "|java\\.nio\\.channels\\..*(Socket|Datagram).*"
                                  + "|javax\\.net\\..*")))
          .orShould()
          .callCodeUnitWhere(
              DescribedPredicate.describe(
                  "open what a URL names",
                  call ->
                      call.getTargetOwner().getName().equals("java.net.URL")
                          && call.getName().startsWith("open")));
}
