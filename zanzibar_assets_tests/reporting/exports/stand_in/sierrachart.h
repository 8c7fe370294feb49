// A stand-in for the part of Sierra Chart's ACSIL that the study uses, with the documented signatures.
// Drawings are printed instead of drawn. It shows that the source compiles and what it would draw,
// not how the program looks. The chart's zone here is six hours behind UTC.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

typedef uint32_t COLORREF;
#define RGB(r, g, b) ((COLORREF)((uint32_t)(r) | ((uint32_t)(g) << 8) | ((uint32_t)(b) << 16)))
#define SCDLLName(name) static const char* const DLL_NAME = name; inline const char* DllName() { return DLL_NAME; }
#define SCSFExport extern "C" void

class SCString
{
public:
    SCString& operator=(const char* text) { Text = text; return *this; }
    const char* GetChars() const { return Text.c_str(); }

private:
    std::string Text;
};

// Seconds since 1970 inside; the real one counts microseconds since 1899-12-30.
class SCDateTime
{
public:
    int64_t Seconds = 0;
    void SetDateTimeYMDHMS(int Year, int Month, int Day, int Hour, int Minute, int Second)
    {
        const int64_t y = Month <= 2 ? Year - 1 : Year;
        const int64_t era = y / 400, yoe = y - era * 400;
        const int64_t doy = (153 * (Month + (Month > 2 ? -3 : 9)) + 2) / 5 + Day - 1;
        const int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
        Seconds = ((days * 24 + Hour) * 60 + Minute) * 60 + Second;
    }
    static SCDateTime MINUTES(int Minutes)
    {
        SCDateTime Span;
        Span.Seconds = 60 * Minutes;
        return Span;
    }
    SCDateTime& operator+=(const SCDateTime& Span) { Seconds += Span.Seconds; return *this; }
    bool operator<=(const SCDateTime& Other) const { return Seconds <= Other.Seconds; }
};

enum TimeZonesEnum { TIMEZONE_UTC = 1 };
enum DrawingTypeEnum
{
    DRAWING_UNKNOWN, DRAWING_MARKER, DRAWING_RECTANGLEHIGHLIGHT, DRAWING_HORIZONTAL_LINE_NON_EXTENDED
};
enum AddMethodEnum { UTAM_ADD_ALWAYS = 1 };
const int MARKER_ARROWUP = 6, MARKER_ARROWDOWN = 7;

struct s_UseTool
{
    int ChartNumber, Region, MarkerType, MarkerSize, LineWidth, TransparencyLevel;
    DrawingTypeEnum DrawingType;
    AddMethodEnum AddMethod;
    SCDateTime BeginDateTime, EndDateTime;
    float BeginValue, EndValue;
    COLORREF Color, SecondaryColor;
    SCString Text;
    void Clear() { *this = s_UseTool(); }
};

struct s_Input
{
    SCString Name;
    void SetPathAndFileName(const char* Path) { File = Path; }
    const char* GetPathAndFileName() { return File.c_str(); }
    void SetYesNo(unsigned int Value) { Number = static_cast<int>(Value); }
    unsigned int GetYesNo() { return static_cast<unsigned int>(Number); }
    void SetInt(int Value) { Number = Value; }
    int GetInt() { return Number; }
    void SetIntLimits(int Low, int High) { Lowest = Low; Highest = High; }

private:
    std::string File;
    int Number = 0, Lowest = 0, Highest = 0;
};
typedef s_Input& SCInputRef;

struct s_sc
{
    int SetDefaults = 0, GraphRegion = 0, AutoLoop = 0, UpdateStartIndex = 0, ArraySize = 0, ChartNumber = 1;
    SCString GraphName, StudyDescription;
    s_Input Input[8];
    std::vector<SCDateTime> BaseDateTimeIn;
    SCDateTime ConvertDateTimeToChartTimeZone(const SCDateTime& DateTime, TimeZonesEnum TimeZone)
    {
        SCDateTime Converted = DateTime;
        Converted.Seconds -= TimeZone == TIMEZONE_UTC ? 6 * 3600 : 0;
        return Converted;
    }
    void AddMessageToLog(const char* Message, int ShowLog) { std::printf("log\t%d\t%s\n", ShowLog, Message); }
    int UseTool(s_UseTool& Tool)
    {
        std::printf(
            "draw\t%d\t%lld\t%lld\t%.9g\t%.9g\t%d\t%d\t%s\n", static_cast<int>(Tool.DrawingType),
            static_cast<long long>(Tool.BeginDateTime.Seconds), static_cast<long long>(Tool.EndDateTime.Seconds),
            static_cast<double>(Tool.BeginValue), static_cast<double>(Tool.EndValue), Tool.MarkerType,
            Tool.TransparencyLevel, Tool.Text.GetChars());
        return 1;
    }
};
typedef s_sc& SCStudyInterfaceRef;
