// Draws the marks that `zanzibar export --to sierra` writes: levels, zones, signals, stops and targets.
// Compile it in Sierra Chart: Analysis >> Build Custom Studies DLL (docs/exports.md holds the steps).
// Uses only documented ACSIL members; times in the file are UTC and are converted to the chart's zone.
#include "sierrachart.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

SCDLLName("Zanzibar Marks")

namespace zanzibar
{
const char* const HEADER = "Kind,FromUtc,UntilUtc,Low,High,Direction,Text";
const std::size_t FIELDS = 7;

struct Mark
{
    std::string kind;
    std::string from;
    std::string until;
    double low = 0.0;
    double high = 0.0;
    int direction = 0;
    std::string text;
};

// Fields are never quoted and hold no commas; a line with another number of fields is refused.
inline std::vector<std::string> Split(const std::string& line)
{
    std::vector<std::string> fields;
    std::string field;
    std::istringstream stream(line);
    while (std::getline(stream, field, ','))
        fields.push_back(field);
    if (!line.empty() && line.back() == ',')
        fields.push_back("");
    return fields;
}

inline bool ParseNumber(const std::string& text, double& value)
{
    // A stream in the classic locale: a decimal point whatever Windows is set to.
    std::istringstream stream(text);
    stream.imbue(std::locale::classic());
    return static_cast<bool>(stream >> value) && stream.eof();
}

inline bool ParseMark(const std::string& line, Mark& mark)
{
    const std::vector<std::string> fields = Split(line);
    if (fields.size() != FIELDS || fields[1].empty())
        return false;
    mark.kind = fields[0];
    mark.from = fields[1];
    mark.until = fields[2];
    mark.direction = std::atoi(fields[5].c_str());
    mark.text = fields[6];
    return ParseNumber(fields[3], mark.low) && ParseNumber(fields[4], mark.high);
}

// All marks of a file; false when it cannot be read or a line is not as the format says.
inline bool ReadMarks(const char* path, std::vector<Mark>& marks, int& badLine)
{
    std::ifstream file(path);
    std::string line;
    badLine = 1;
    if (!file || !std::getline(file, line))
        return false;
    if (!line.empty() && line.back() == '\r')
        line.pop_back();
    if (line != HEADER)
        return false;
    while (std::getline(file, line))
    {
        ++badLine;
        if (!line.empty() && line.back() == '\r')
            line.pop_back();
        Mark mark;
        if (!ParseMark(line, mark))
            return false;
        marks.push_back(mark);
    }
    badLine = 0;
    return true;
}

inline bool ParseTime(const std::string& text, SCDateTime& time)
{
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    const int found = std::sscanf(
        text.c_str(), "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second);
    if (found != 6)
        return false;
    time.SetDateTimeYMDHMS(year, month, day, hour, minute, second);
    return true;
}
} // namespace zanzibar

SCSFExport scsf_ZanzibarMarks(SCStudyInterfaceRef sc)
{
    SCInputRef FileName = sc.Input[0];
    SCInputRef Levels = sc.Input[1];
    SCInputRef Zones = sc.Input[2];
    SCInputRef Signals = sc.Input[3];
    SCInputRef Transparency = sc.Input[4];

    if (sc.SetDefaults)
    {
        sc.GraphName = "Zanzibar Marks";
        sc.StudyDescription = "Levels, zones and signals from a file of zanzibar export --to sierra.";
        sc.GraphRegion = 0;
        sc.AutoLoop = 0;
        FileName.Name = "File";
        FileName.SetPathAndFileName("");
        Levels.Name = "Draw levels";
        Levels.SetYesNo(1);
        Zones.Name = "Draw zones";
        Zones.SetYesNo(1);
        Signals.Name = "Draw signals";
        Signals.SetYesNo(1);
        Transparency.Name = "Transparency of zones (0 to 100)";
        Transparency.SetInt(80);
        Transparency.SetIntLimits(0, 100);
        return;
    }

    // The file is read when the study is calculated in full; Sierra Chart has then removed what this
    // study drew before. Chart >> Recalculate reads it again.
    if (sc.UpdateStartIndex != 0 || sc.ArraySize < 1)
        return;

    std::vector<zanzibar::Mark> marks;
    int badLine = 0;
    if (!zanzibar::ReadMarks(FileName.GetPathAndFileName(), marks, badLine))
    {
        sc.AddMessageToLog("Zanzibar Marks: the file cannot be read or is not of zanzibar export", 1);
        return;
    }

    const SCDateTime LastBar = sc.BaseDateTimeIn[sc.ArraySize - 1];
    for (const zanzibar::Mark& mark : marks)
    {
        const bool isZone = mark.kind == "zone";
        const bool isLevel = mark.kind == "level";
        const bool isEntry = mark.kind == "buy" || mark.kind == "sell";
        const bool wanted = isZone    ? Zones.GetYesNo() != 0
                            : isLevel ? Levels.GetYesNo() != 0
                                      : Signals.GetYesNo() != 0;
        SCDateTime Begin, End;
        if (!wanted || !zanzibar::ParseTime(mark.from, Begin))
            continue;
        Begin = sc.ConvertDateTimeToChartTimeZone(Begin, TIMEZONE_UTC);
        if (!mark.until.empty() && zanzibar::ParseTime(mark.until, End))
            End = sc.ConvertDateTimeToChartTimeZone(End, TIMEZONE_UTC);
        else
            End = LastBar;
        if (End <= Begin)
        {
            // A drawing has to span some time.
            End = Begin;
            End += SCDateTime::MINUTES(1);
        }

        const COLORREF colour = isLevel                                     ? RGB(144, 164, 174)
                                : mark.kind == "stop"                       ? RGB(255, 82, 82)
                                : mark.kind == "target"                     ? RGB(0, 230, 118)
                                : mark.direction > 0                        ? RGB(46, 125, 50)
                                                                            : RGB(198, 40, 40);
        s_UseTool Tool;
        Tool.Clear();
        Tool.ChartNumber = sc.ChartNumber;
        Tool.Region = 0;
        Tool.AddMethod = UTAM_ADD_ALWAYS;
        Tool.BeginDateTime = Begin;
        Tool.BeginValue = static_cast<float>(isZone ? mark.high : mark.low);
        Tool.Color = colour;
        Tool.LineWidth = 1;
        if (isEntry)
        {
            Tool.DrawingType = DRAWING_MARKER;
            Tool.MarkerType = mark.direction > 0 ? MARKER_ARROWUP : MARKER_ARROWDOWN;
            Tool.MarkerSize = 8;
        }
        else
        {
            Tool.DrawingType = isZone ? DRAWING_RECTANGLEHIGHLIGHT : DRAWING_HORIZONTAL_LINE_NON_EXTENDED;
            Tool.EndDateTime = End;
            Tool.EndValue = static_cast<float>(mark.low);
            Tool.Text = mark.text.c_str();
            if (isZone)
            {
                Tool.SecondaryColor = colour;
                Tool.TransparencyLevel = Transparency.GetInt();
            }
        }
        sc.UseTool(Tool);
    }
}
